"""Mastodon over a real socket: its stream, its pages, its limits, and the same ids as in its archive."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.contract.polling import adds_up, polled, until

from presence.demo.wire.api import Answer
from presence.demo.wire.mastodon import (
    HOST,
    Mastodon,
    archived,
    boost,
    mention,
    notification,
    snowflake,
    status,
)
from presence.events.vocabulary import Direction, Event, Gauge, Kind, Verb
from presence.ingest.acts import Act
from presence.ingest.frames import Frame
from presence.ingest.networks import mastodon, mastodon_archive

ADA, BO = f"ada@{HOST}", f"bo@{HOST}"
TOKENS = {"PRESENCE_MASTODON_TOKENS": json.dumps({ADA: "token-of-ada"})}


def said(events: list[Event]) -> Counter[str]:
    return Counter(
        f"{event.direction.name} {event.verb.name}" for event in events if event.kind == Kind.ACTIVITY
    )


def test_a_stream_is_read_as_it_happens(tmp_path: Path) -> None:
    with Mastodon() as server, polled("mastodon", server, TOKENS, [ADA], tmp_path) as one:
        until(lambda: len(server.streams) == 1 and len(server.asked) >= 4)
        first = server.post(status("ada", 1, media_attachments=[{"type": "image"}]))
        reply = status(
            "bo", 2, in_reply_to_id=first["id"], in_reply_to_account_id="11", mentions=[mention("ada")]
        )
        server.notify(notification(2, "mention", "bo", reply))
        server.notify(notification(3, "favourite", "bo", first))
        server.notify(notification(4, "reblog", "cy", first))
        server.notify(notification(5, "follow", "cy"))
        server.notify(notification(6, "poll", "cy", first))
        server.post(boost("ada", 7, reply))
        server.post(status("ada", 8, visibility="private"))
        server.post(status("ada", 9, visibility="direct", mentions=[mention("bo")]))
        server.notify(notification(10, "mention", "bo", status("bo", 10, visibility="direct")))
        server.push("status.update", first)
        server.push("filters_changed", "undefined")
        server.push("update", "{")
        until(lambda: one.runner.counts.read == 13)
    adds_up(one.runner)
    assert said(one.kept.events) == {
        "BY CREATE": 1,
        "TO CREATE": 1,
        "TO LIKE": 1,
        "TO ANNOUNCE": 1,
        "TO FOLLOW": 1,
        "BY ANNOUNCE": 1,
    }
    gauges = [event for event in one.kept.events if event.kind == Kind.GAUGE]
    assert [(event.gauge, event.value) for event in gauges] == [(Gauge.FOLLOWERS, 7)]
    assert one.runner.counts.skipped == {"not_public": 3, "unscored": 2, "edited": 1}
    assert one.runner.counts.reasons == {"json": 1}


def test_a_delete_takes_back_what_the_status_made_and_nothing_else(tmp_path: Path) -> None:
    with Mastodon() as server, polled("mastodon", server, TOKENS, [ADA], tmp_path) as one:
        until(lambda: len(server.streams) == 1 and len(server.asked) >= 4)
        mine = server.post(status("ada", 1))
        server.post(status("ada", 2))
        theirs = status("bo", 3, mentions=[mention("ada")])
        server.notify(notification(3, "mention", "bo", theirs))
        for each in (mine, theirs):
            server.push("delete", each["id"])
        server.push("delete", snowflake(1))
        until(lambda: one.runner.counts.read == 6)
    acts = {event.occurred_ms: event.id for event in one.kept.events if event.kind == Kind.ACTIVITY}
    undone = [event.ref_id for event in one.kept.events if event.kind == Kind.UNDO]
    first, _, third = (acts[at_ms] for at_ms in sorted(acts))
    assert undone == [first, third]
    assert one.runner.counts.skipped == {"not_enrolled": 1}


def test_what_was_while_there_was_no_stream_is_asked_for_page_by_page_through_limits_and_failures(
    tmp_path: Path,
) -> None:
    with Mastodon() as server, polled("mastodon", server, TOKENS, [ADA], tmp_path) as one:
        until(lambda: len(server.streams) == 1 and len(server.asked) >= 4)
        server.post(status("ada", 1))
        server.notify(notification(1, "follow", "bo"))
        until(lambda: one.runner.counts.read == 2)
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
        with server.lock:
            for number in range(2, 12):
                server.post(status("ada", number), streamed=False)
            for number in range(2, 6):
                fan = notification(number, "favourite", "bo", server.statuses[number])
                server.notify(fan, streamed=False)
            server.failures.extend(
                [Answer(503), Answer(429, {"error": "Too many requests"}, {"x-ratelimit-reset": soon})]
            )
        server.send(None)
        until(lambda: one.runner.counts.events >= 16)
        server.post(status("ada", 12))
        until(lambda: one.runner.counts.events >= 17)
    adds_up(one.runner)
    assert said(one.kept.events) == {"BY CREATE": 12, "TO FOLLOW": 1, "TO LIKE": 4}
    assert not one.runner.counts.dlq
    pages = [each for each in server.asked if each.path.endswith("/statuses") and "min_id" in each.query]
    assert len(pages) >= 4


def test_after_a_restart_it_goes_on_where_the_log_was(tmp_path: Path) -> None:
    with Mastodon() as server:
        with polled("mastodon", server, TOKENS, [ADA], tmp_path) as one:
            until(lambda: len(server.streams) == 1 and len(server.asked) >= 4)
            for number in range(1, 5):
                server.post(status("ada", number))
            until(lambda: one.runner.counts.read == 4)
        for number in range(5, 10):
            server.post(status("ada", number), streamed=False)
        with polled("mastodon", server, TOKENS, [ADA], tmp_path) as other:
            until(lambda: other.runner.counts.events == 5)
            server.push("update", status("ada", 10))
            until(lambda: other.runner.counts.events == 6)
    assert other.runner.counts.read == 6


def test_a_public_stream_needs_no_account(tmp_path: Path) -> None:
    tokens = {"PRESENCE_MASTODON_TOKENS": json.dumps({f"@{HOST}": "token-of-ada"})}
    with Mastodon() as server, polled("mastodon", server, tokens, [ADA], tmp_path) as one:
        until(lambda: len(server.streams) == 1 and len(server.asked) >= 2)
        server.post(status("bo", 1, mentions=[mention("ada")]))
        server.post(status("cy", 2))
        until(lambda: one.runner.counts.read == 2)
    assert said(one.kept.events) == {"TO MENTION": 1}
    assert server.asked[0].path == "/api/v1/streaming/public"


def test_only_while_the_stream_is_there_it_is_complete(tmp_path: Path) -> None:
    with Mastodon() as server, polled("mastodon", server, TOKENS, [ADA], tmp_path) as one:
        source = one.runner.source
        until(lambda: source.complete_ms is not None)
        with server.lock:
            asked = len(server.asked)
            server.failures.extend([Answer(503)] * 3)
        server.send(None)
        until(lambda: len(server.asked) > asked)
        stood_at = source.complete_ms
        until(lambda: not server.failures)
        assert source.complete_ms == stood_at
        until(lambda: source.complete_ms != stood_at)


def acts_of(natives: Any) -> dict[tuple[str, str, str], Act]:
    return {(each.about, each.record, each.what): each for each in natives if isinstance(each, Act)}


def test_the_archive_says_the_same_as_the_stream() -> None:
    first = status("ada", 1)
    thread = status("ada", 2, in_reply_to_id=first["id"], in_reply_to_account_id="11", visibility="unlisted")
    reply = status("ada", 3, in_reply_to_id="5", in_reply_to_account_id="22", mentions=[mention("bo")])
    named = status("ada", 4, mentions=[mention("bo"), mention("cy")], media_attachments=[{"type": "image"}])
    boosted = boost("ada", 5, status("bo", 5))
    for told in (first, thread, reply, named, boosted):
        data = json.dumps(told).encode()
        live = mastodon.decode(Frame(data, 0, len(data), mastodon.kind("update", ADA)), 1_795_000_000_000)
        data = json.dumps(archived(told)).encode()
        kept = mastodon_archive.decode(
            Frame(data, 0, len(data), mastodon_archive.OUTBOX), ADA, 1_795_500_000_000
        )
        one, other = acts_of(live.natives), acts_of(kept.natives)
        assert one.keys() == other.keys()
        for key, act in one.items():
            again = other[key]
            assert (act.occurred_ms, act.verb, act.object, act.by) == (
                again.occurred_ms,
                again.verb,
                again.object,
                again.by,
            )
            assert (act.answers == act.by, bool(act.answers)) == (
                again.answers == again.by,
                bool(again.answers),
            )


def test_what_is_not_public_is_skipped_in_both() -> None:
    for visibility in ("private", "direct"):
        told = status("ada", 1, visibility=visibility)
        data = json.dumps(told).encode()
        frame = Frame(data, 0, len(data), mastodon.kind("update", ADA))
        assert mastodon.decode(frame, 1_795_000_000_000).skipped == "not_public"
        data = json.dumps(archived(told)).encode()
        frame = Frame(data, 0, len(data), mastodon_archive.OUTBOX)
        assert mastodon_archive.decode(frame, ADA, 1_795_000_000_000).skipped == "not_public"


def test_each_row_has_its_reference() -> None:
    assert all(row.reference.startswith("https://") for row in mastodon.TABLE.values())
    assert {row.direction for row in mastodon.TABLE.values()} == {Direction.BY, Direction.TO}
    assert Verb.UNSPECIFIED not in {row.verb for row in mastodon.TABLE.values()}
