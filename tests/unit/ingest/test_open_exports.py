"""Mastodon's archive and blogs' exports: exact counts of each layout, and what each item became."""

import tarfile
from pathlib import Path

import pytest
from tests.exports import fediverse_and_blogs as exports
from tests.unit.ingest.test_imports import counted, imported, said, zipped

from presence.events.vocabulary import Kind, Object, TimeQuality, Verb

FEED = "https://blog.example/feed.xml"


def test_an_archive_is_counted_exactly_as_a_folder_and_as_a_zip(tmp_path: Path) -> None:
    folder = exports.mastodon(tmp_path / "archive")
    result, events = imported("mastodon", folder)
    assert counted(result) == exports.MASTODON_COUNTS
    assert result["dlq_reasons"] == {"time": 1, "shape": 3}
    assert result["declared"]["outbox.json"] == {"says": 14, "read": 13}
    assert said(events) == {"BY CREATE": 5, "BY ANNOUNCE": 2, "BY LIKE": 1}
    assert [event.in_reply_to_other for event in events if event.verb == Verb.CREATE].count(True) == 1
    assert {event.object for event in events} == {Object.NOTE, Object.VIDEO}
    assert [event.time_quality for event in events if event.verb == Verb.LIKE] == [TimeQuality.UNKNOWN]
    with tarfile.open(packed := tmp_path / "archive.tar.gz", "w:gz") as archive:
        archive.add(folder, ".")
    for path in (zipped(folder), packed):
        again, same = imported("mastodon", path)
        assert counted(again) == exports.MASTODON_COUNTS
        assert {event.id for event in same} == {event.id for event in events}


def test_an_outbox_alone_says_whose_it_is(tmp_path: Path) -> None:
    folder = exports.mastodon(tmp_path / "archive")
    result, events = imported("mastodon", folder / "outbox.json")
    assert (result["read"], result["events"], len(events)) == (13, 7, 7)


@pytest.mark.parametrize(
    ("text", "events", "skipped"),
    [
        (exports.WORDPRESS, 1, {"not_public": 1, "not_a_post": 2, "before_2004": 1}),
        (exports.BLOGGER, 1, {"not_a_post": 1, "not_public": 1}),
    ],
)
def test_an_export_of_a_blog_gives_its_public_posts(
    text: str, events: int, skipped: dict[str, int], tmp_path: Path
) -> None:
    path = tmp_path / "export.xml"
    path.write_text(text)
    result, found = imported("blog", path, FEED)
    assert (result["events"], result["skipped"], result["dlq"]) == (events, skipped, 0)
    assert {event.kind for event in found} == {Kind.ACTIVITY}


def test_a_feed_and_an_export_give_a_post_one_id(tmp_path: Path) -> None:
    feed = tmp_path / "feed.rss"
    feed.write_text(
        "<rss version='2.0'><channel><item><guid>https://blog.example/?p=1</guid>"
        "<pubDate>Mon, 01 Jun 2026 10:00:00 GMT</pubDate></item></channel></rss>"
    )
    export = tmp_path / "export.xml"
    export.write_text(exports.WORDPRESS)
    (one,), (other,) = imported("blog", feed, FEED)[1], imported("blog", export, FEED)[1]
    assert (one.id, one.occurred_ms) == (other.id, other.occurred_ms)
