"""X's archive, Facebook's export and GH Archive in their real layouts: exact counts, oddities, and the ids of live capture."""

import json
import zipfile
from collections import Counter
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from tests.networks.exports import (
    BOB,
    EVE,
    FIRST,
    ME,
    facebook_lists,
    github_hours,
    old_x_files,
    written,
    x_files,
    ytd,
)

from presence.events import lines
from presence.events.vocabulary import Event, Gauge, Kind, Object, TimeQuality
from presence.ingest.acts import Act, Decoded, Retraction
from presence.ingest.frames import Frame
from presence.ingest.importing import ImportOptions, rehearsed
from presence.ingest.networks import github, x, x_archive
from presence.ingest.networks.facebook_text import repaired
from presence.log.clock import now_ms


def imported(network: str, path: Path, account: str = "") -> tuple[dict[str, Any], list[Event]]:
    out = StringIO()
    with rehearsed(ImportOptions(network=network, path=path, person="somebody", account=account), out) as one:
        one.runner.run()
        result = one.result()
    assert result["read"] == sum(result[name] for name in ("events", "undo", "gauges", "flags", "dlq")) + sum(
        result["skipped"].values()
    )
    return result, [lines.parse(line.encode()) for line in out.getvalue().splitlines()]


def zipped(path: Path, files: Mapping[str, bytes], top: str = "") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(top + name, content)
    return path


def said(events: list[Event]) -> Counter[str]:
    return Counter(
        f"{each.direction.name} {each.verb.name} {each.object.name}{' reply' * each.in_reply_to_other}"
        if each.kind == Kind.ACTIVITY
        else each.kind.name
        for each in events
    )


def acts(decoded: Decoded) -> dict[tuple[str, str, str], Act]:
    return {(each.record, each.what, each.about): each for each in decoded.natives if isinstance(each, Act)}


def test_x_archive_exactly(tmp_path: Path) -> None:
    result, events = imported("x", written(tmp_path / "archive", x_files()))
    assert (result["read"], result["events"], result["undo"], result["gauges"], result["dlq"]) == (
        19,
        11,
        1,
        1,
        1,
    )
    assert result["skipped"] == {"other_file": 5}
    assert result["dlq_reasons"] == {"shape": 1}
    assert result["declared"] == {"tweets": {"says": 8, "read": 8}, "like": {"says": 2, "read": 2}}
    assert said(events) == {
        "BY CREATE NOTE": 4,
        "BY CREATE NOTE reply": 1,
        "BY CREATE IMAGE": 1,
        "BY ANNOUNCE NOTE": 1,
        "BY LIKE NOTE": 2,
        "BY FOLLOW PROFILE": 1,
        "TO FOLLOW PROFILE": 1,
        "UNDO": 1,
        "GAUGE": 1,
    }
    assert Counter(each.time_quality for each in events if each.verb.name == "LIKE") == {
        TimeQuality.DAY: 1,
        TimeQuality.UNKNOWN: 1,
    }
    (undo,) = (each for each in events if each.kind == Kind.UNDO)
    (taken_back,) = (each for each in events if each.id == undo.ref_id)
    assert taken_back.occurred_ms == (FIRST + 1 >> 22) + x.SNOWFLAKE_EPOCH_MS
    assert [(each.gauge, each.value) for each in events if each.kind == Kind.GAUGE] == [
        (Gauge.PROFILE_COMPLETENESS, 60)
    ]
    assert min(each.occurred_ms for each in events if each.kind == Kind.ACTIVITY) == 1_142_974_214_000


def test_x_archive_as_a_zip_in_a_folder_is_the_same(tmp_path: Path) -> None:
    by_folder, events = imported("x", written(tmp_path / "archive", x_files()))
    by_zip, again = imported("x", zipped(tmp_path / "x.zip", x_files(), "twitter-2026-11-01-abc/"))
    assert by_zip == by_folder
    assert {each.id for each in again} == {each.id for each in events}


def test_x_archives_of_old(tmp_path: Path) -> None:
    result, events = imported("x", written(tmp_path / "archive", old_x_files()))
    assert (result["read"], result["events"], result["skipped"]) == (3, 2, {"other_file": 1})
    assert said(events) == {"BY CREATE NOTE": 1, "BY ANNOUNCE NOTE": 1}
    _, newer = imported(
        "x",
        written(
            tmp_path / "newer",
            {
                "data/tweets.js": ytd(
                    "tweets", [{"tweet": json.loads(old_x_files()["tweet.js"].split(b"= ", 1)[1])[0]}]
                ),
                "data/account.js": x_files()["data/account.js"],
            },
        ),
    )
    assert {each.id for each in newer} <= {each.id for each in events}


def test_x_live_and_archive_give_the_same_acts_at_the_same_time() -> None:
    def live(event: str, payload: dict[str, Any], **more: Any) -> Decoded:
        told = {
            "data": {
                "event_type": event,
                "event_uuid": "u",
                "filter": {"user_id": ME},
                "payload": payload,
                **more,
            }
        }
        return x.decode(Frame(json.dumps(told).encode(), 1, 1), now_ms())

    def archived(kind: str, element: Any) -> Decoded:
        return x_archive.decode(Frame(json.dumps(element).encode(), 1, 1, kind), ME, now_ms())

    elements = json.loads(x_files()["data/tweets.js"].split(b"= ", 1)[1])
    plain = {"author_id": ME, "created_at": "2025-11-16T12:00:00.123Z"}
    posts: list[dict[str, Any]] = [
        plain | {"id": str(FIRST + 1)},
        plain
        | {
            "id": str(FIRST + 2),
            "referenced_tweets": [{"type": "retweeted", "id": "5"}],
            "entities": {"mentions": [{"start": 3, "end": 7, "username": "bob", "id": BOB}]},
        },
        plain
        | {
            "id": str(FIRST + 3),
            "in_reply_to_user_id": BOB,
            "referenced_tweets": [{"type": "replied_to", "id": "1"}],
            "display_text_range": [5, 20],
            "entities": {"mentions": [{"start": 0, "id": BOB}, {"start": 9, "id": EVE}]},
        },
        plain | {"id": str(FIRST + 4), "in_reply_to_user_id": ME},
        plain | {"id": str(FIRST + 5), "attachments": {"media_keys": ["3_55"]}},
    ]
    for post, element in zip(posts, elements[:5], strict=True):
        post["text"] = element["tweet"]["full_text"]
        assert acts(live("post.create", post)) == acts(archived("tweets", element))
    assert {what for _, what, _ in acts(live("post.create", posts[2]))} == {"by", "reply", "mention"}
    edit = plain | {"id": str(FIRST + 8), "edit_history_tweet_ids": [str(FIRST + 7), str(FIRST + 8)]}
    (archived_edit,) = json.loads(x_files()["data/tweets-part1.js"].split(b"= ", 1)[1])
    edit["text"] = archived_edit["tweet"]["full_text"]
    assert acts(live("post.create", edit)) == acts(archived("tweets", archived_edit))
    # The archive does not say when; all else, and so the id, is the same.
    follow = acts(live("follow.follow", {"source": {"data": {"id": BOB}}, "target": {"id": ME}}))
    assert follow.keys() == acts(archived("follower", {"follower": {"accountId": BOB}})).keys()
    like = {"liked_tweet_id": str(FIRST + 90), "liked_tweet_author_id": EVE, "timestamp_ms": "1763300000000"}
    assert (
        acts(archived("like", {"like": {"tweetId": str(FIRST + 90)}})).keys()
        <= acts(live("like.create", like)).keys()
    )
    deleted = live("post.delete", {"id": str(FIRST + 1), "author_id": ME})
    assert (
        deleted
        == archived("deleted-tweets", elements[0] | {})
        == Decoded((Retraction(ME, str(FIRST + 1), "by"),))
    )


@pytest.mark.parametrize("is_new", [True, False])
def test_facebook_exactly_in_both_layouts(tmp_path: Path, is_new: bool) -> None:
    result, events = imported("facebook", written(tmp_path / "export", facebook_lists(is_new=is_new)))
    assert (result["read"], result["events"], result["dlq"]) == (15, 10, 2)
    assert result["skipped"] == {"other_file": 1, "other_reaction": 1, "empty": 1}
    assert result["dlq_reasons"] == {"time": 1, "shape": 1}
    assert said(events) == {
        "BY CREATE NOTE": 2,
        "BY CREATE IMAGE": 1,
        "BY CREATE VIDEO": 1,
        "BY CREATE NOTE reply": 1,
        "BY LIKE NOTE": 2,
        "BY FOLLOW PROFILE": 1,
        "TO FOLLOW PROFILE": 1,
        "TO INVITE PROFILE": 1,
        "BY FOLLOW PAGE": 1,
    }


def test_facebook_gives_the_same_ids_whatever_the_layout_and_however_broken_the_text(tmp_path: Path) -> None:
    ids = [
        {
            each.id
            for each in imported(
                "facebook",
                written(tmp_path / f"{is_new}{broken}", facebook_lists(is_new=is_new, broken=broken)),
            )[1]
        }
        for is_new in (True, False)
        for broken in (True, False)
    ]
    assert ids[0] == ids[1] == ids[2] == ids[3]


@pytest.mark.parametrize("text", ["Løye", "日本 😀", "plain", "Ã", "\x80", "", "naïve Ã©"])
def test_text_is_repaired_where_it_was_broken_and_only_there(text: str) -> None:
    assert repaired(text.encode().decode("latin-1")) == text
    if not text.isascii() and text != "naïve Ã©":
        assert repaired(text) == text


def test_gh_archive_of_every_year_exactly(tmp_path: Path) -> None:
    result, events = imported("github", written(tmp_path / "hours", github_hours()), "octocat")
    assert (result["read"], result["events"], result["dlq"]) == (28, 8, 2)
    assert result["dlq_reasons"] == {"json": 1, "damaged": 1}
    assert result["skipped"] == {"bot": 2, "unscored": 4, "known": 8, "no_repository": 2, "no_actor": 2}
    assert said(events) == {
        "TO STAR REPOSITORY": 1,
        "TO ANNOUNCE REPOSITORY": 1,
        "TO FOLLOW PROFILE": 1,
        "TO CREATE NOTE reply": 2,
        "BY CREATE NOTE": 2,
        "BY CREATE ARTICLE": 1,
    }


def test_gh_archive_finds_a_login_however_it_is_written(tmp_path: Path) -> None:
    path = written(tmp_path / "hours", github_hours())
    (result, events), (other, others) = (imported("github", path, each) for each in ("octocat", "OctoCat"))
    assert result == other
    assert {each.id for each in events} == {each.id for each in others}


def test_github_live_and_archive_give_the_same_acts_at_the_same_time() -> None:
    ada, octocat = {"login": "Ada", "id": 5}, {"login": "octocat", "id": 9}
    repo = {"id": 1, "name": "octocat/hello"}
    hooked = {
        "id": 1,
        "name": "hello",
        "full_name": "octocat/hello",
        "owner": octocat,
        "pushed_at": 1_795_514_400,
    }
    at = "2026-11-24T10:00:00Z"
    issue = {
        "id": 70,
        "user": octocat,
        "created_at": "2026-11-24T09:00:00Z",
        "html_url": "https://github.com/o/h/1",
    }
    comment = {
        "id": 71,
        "user": ada,
        "created_at": "2026-11-24T09:30:00Z",
        "html_url": "https://github.com/o/h/1#71",
    }
    pull = {
        "id": 80,
        "user": ada,
        "created_at": at,
        "merged_at": at,
        "merged": True,
        "html_url": "https://github.com/o/h/2",
    }
    review = {
        "id": 90,
        "user": octocat,
        "state": "APPROVED",
        "submitted_at": at,
        "html_url": "https://github.com/o/h/2#90",
    }
    cases: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
        ("star", "WatchEvent", ada, {"action": "created", "starred_at": at}),
        (
            "fork",
            "ForkEvent",
            ada,
            {"forkee": {"id": 2, "created_at": at, "html_url": "https://github.com/Ada/hello"}},
        ),
        ("issues", "IssuesEvent", octocat, {"action": "opened", "issue": issue}),
        (
            "issue_comment",
            "IssueCommentEvent",
            ada,
            {"action": "created", "issue": issue, "comment": comment},
        ),
        ("pull_request", "PullRequestEvent", ada, {"action": "opened", "pull_request": pull}),
        ("pull_request", "PullRequestEvent", octocat, {"action": "closed", "pull_request": pull}),
        (
            "pull_request_review",
            "PullRequestReviewEvent",
            octocat,
            {"action": "created", "review": review, "pull_request": pull},
        ),
        ("commit_comment", "CommitCommentEvent", ada, {"action": "created", "comment": comment}),
        ("push", "PushEvent", octocat, {"ref": "refs/heads/main", "head": "abc", "after": "abc"}),
        (
            "release",
            "ReleaseEvent",
            octocat,
            {
                "action": "published",
                "release": {
                    "id": 4,
                    "author": octocat,
                    "published_at": at,
                    "html_url": "https://github.com/r",
                },
            },
        ),
    ]
    for event, kind, by, payload in cases:
        hook = json.dumps(payload | {"sender": by, "repository": hooked}).encode()
        if event == "star":
            payload = {"action": "started"}  # noqa: PLW2901 (the events API knows it by its old name)
        listed = {"id": "1", "type": kind, "actor": by, "repo": repo, "payload": payload, "created_at": at}
        live = acts(github.decode(Frame(hook, 1, 1, event), now_ms()))
        archived = acts(github.decode(Frame(json.dumps(listed).encode(), 1, 1), now_ms()))
        assert live == archived != {}, event


@pytest.mark.parametrize(
    ("event", "payload", "record"),
    [
        ("star", {"action": "deleted"}, "star/1/ada"),
        (
            "issue_comment",
            {"action": "deleted", "comment": {"id": 71, "user": {"login": "Ada"}}},
            "issue_comment/71",
        ),
        ("issues", {"action": "deleted", "issue": {"id": 70, "user": {"login": "Ada"}}}, "issue/70"),
        (
            "discussion",
            {"action": "deleted", "discussion": {"id": 7, "user": {"login": "Ada"}}},
            "discussion/7",
        ),
        ("release", {"action": "unpublished", "release": {"id": 4, "author": {"login": "Ada"}}}, "release/4"),
        (
            "pull_request_review",
            {"action": "dismissed", "review": {"id": 9, "user": {"login": "Ada"}}},
            "review/9",
        ),
    ],
)
def test_github_takes_back(event: str, payload: dict[str, Any], record: str) -> None:
    body = payload | {"sender": {"login": "ada"}, "repository": {"id": 1, "owner": {"login": "octocat"}}}
    decoded = github.decode(Frame(json.dumps(body).encode(), 1, 1, event), now_ms())
    assert decoded == Decoded((Retraction("ada", record, "by"),))


def test_pages_that_facebook_lists_as_followed_and_as_no_longer_followed(tmp_path: Path) -> None:
    def listed(title: str, at_s: int, name: str) -> dict[str, Any]:
        return {"timestamp": at_s, "data": [{"name": name}], "title": title}

    pages = "your_facebook_activity/pages"
    friend = {"timestamp": 1_700_000_000, "label_values": [{"label": "Nom", "value": "Zoë"}], "fbid": "1"}
    files: dict[str, Any] = {
        f"{pages}/pages_and_profiles_you_follow.json": {
            "pages_followed_v2": [listed("Åse fulgte Choir.", 1_460_000_000, "Choir")]
        },
        f"{pages}/pages_you've_liked.json": {
            "page_likes_v2": [{"name": "Choir", "timestamp": 1_460_000_000}, {"timestamp": 1}]
        },
        f"{pages}/pages_and_profiles_you've_unfollowed.json": {
            "pages_unfollowed_v2": [listed("Åse følger ikke Choir.", 1_470_000_000, "Choir")]
        },
        "connections/friends/your_friends.json": {"friends_v2": [friend]},
    }
    export = written(tmp_path, {name: json.dumps(value).encode() for name, value in files.items()})
    result, events = imported("facebook", export)
    assert (result["read"], result["skipped"], result["dlq_reasons"]) == (5, {"known": 1}, {"shape": 1})
    (follow,) = [each for each in events if each.object == Object.PAGE]
    (undo,) = [each for each in events if each.kind == Kind.UNDO]
    assert undo.ref_id == follow.id
    assert said(events)["BY FOLLOW PROFILE"] == 1, "a label in another language names a friend as well"
