"""Whatever a network sends or exports, its decoder says what it means or refuses it by one kind of error, up to the log's door."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.networks.exports import FIRST, facebook_lists, github_hours, written, x_files

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import PersonId
from presence.ingest.acts import Decoded
from presence.ingest.address import Addressing
from presence.ingest.exports.export import Export
from presence.ingest.frames import Frame
from presence.ingest.networks import facebook, facebook_export, github, github_archive, x, x_archive
from presence.ingest.received import ReceivedIndex
from presence.ingest.rehearsal import OneEnrolled

NOW_MS = 1_796_000_000_000
Case = tuple[str, Any]
"""The kind of a frame, and what is in it."""

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
telling = st.sampled_from(
    [
        "octocat",
        "1111",
        "100",
        "2026-11-24T10:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "2222",
        "add",
        "remove",
        10**30,
        -1,
        0,
        "0" * 5_000,
    ]
)
anything = st.recursive(
    scalars | telling,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)

_USER = {"login": "octocat", "type": "User"}
_MADE = {
    "id": 7,
    "user": {"login": "Ada"},
    "created_at": "2026-11-24T10:00:00Z",
    "html_url": "https://github.com/x",
    "state": "approved",
    "merged": True,
}
_PAYLOAD = {
    "action": "created",
    **dict.fromkeys(
        ("issue", "comment", "pull_request", "review", "release", "forkee", "discussion", "answer"), _MADE
    ),
    "pages": [{"action": "created", "sha": "abc"}],
    "sponsorship": {
        "node_id": "S_1",
        "sponsorable": _USER,
        "sponsor": {"login": "Ada"},
        "created_at": "2026-11-24T10:00:00Z",
    },
    "ref": "refs/heads/main",
    "ref_type": "repository",
    "head": "abc",
    "target": _USER,
}
_REPOSITORY = {"id": 1, "name": "octocat/hello", "owner": _USER, "pushed_at": 1_795_514_400}
_HOOKS = (*github._READERS, "ping", "unheard_of")  # noqa: SLF001 (every event that it reads)
_ACTIONS = (
    "created",
    "opened",
    "closed",
    "merged",
    "deleted",
    "edited",
    "published",
    "submitted",
    "dismissed",
    "answered",
    None,
)


def github_cases() -> list[Case]:
    body = _PAYLOAD | {"sender": _USER, "repository": _REPOSITORY}
    hooked: list[Case] = [(event, body | {"action": action}) for event in _HOOKS for action in _ACTIONS]
    with tempfile.TemporaryDirectory() as folder, Export(written(Path(folder), github_hours())) as export:
        items = [item for item in github_archive.items(export) if item.data.startswith(b"{")]
    listed: list[Case] = [("", json.loads(item.data)) for item in items]
    profile = {"login": "octocat", "at_ms": NOW_MS, "followers": 5, "bio": "cat"}
    return [*hooked, *listed, (github.PROFILE, profile)]


def x_cases() -> list[Case]:
    post = {
        "id": "1990000000000000001",
        "author_id": "2222",
        "in_reply_to_user_id": "1111",
        "referenced_tweets": [{"type": "quoted", "id": "5"}],
        "entities": {"mentions": [{"start": 0, "end": 4, "id": "1111"}]},
        "attachments": {"media_keys": ["3_5"]},
        "display_text_range": [5, 9],
        "edit_history_tweet_ids": ["1990000000000000001"],
    }
    user = {"id": "1111", "description": "x", "public_metrics": {"followers_count": 5}}
    payloads: dict[str, Any] = {
        **dict.fromkeys(
            (
                "post.create",
                "post.quote.create",
                "post.repost.create",
                "post.reply.create",
                "post.mention.create",
            ),
            post,
        ),
        "post.delete": {"id": "5", "author_id": "1111"},
        "like.create": {
            "liked_tweet_id": "5",
            "liked_tweet_author_id": "1111",
            "timestamp_ms": "1795514400000",
        },
        "follow.follow": {"source": {"data": user}, "target": {"id": "2222"}},
        "follow.unfollow": {"source": {"data": user}, "target": {"id": "2222"}},
        "profile.update.bio": {"before": "a", "after": "b"},
        "spaces.start": {"broadcast_id": "1mG", "user": {"data": user}},
        "dm.received": {
            "direct_message_events": [
                {
                    "id": str(FIRST),
                    "message_create": {"target": {"recipient_id": "1111"}, "sender_id": "2222"},
                }
            ]
        },
        "chat.received": {
            "id": "e4f4",
            "created_at_msec": "1784841183370",
            "sender_id": "2222",
            "conversation_id": "2222:1111",
        },
    }
    includes = {"users": [user, {"id": "2222"}], "tweets": [{"id": "5", "author_id": "1111"}]}
    found: list[Case] = [
        (
            "",
            {
                "data": {
                    "event_type": event,
                    "event_uuid": "u",
                    "filter": {"user_id": "1111"},
                    "payload": payload,
                    "includes": includes,
                }
            },
        )
        for event, payload in payloads.items()
    ]
    return [*found, ("", {"errors": [{"title": "operational-disconnect"}]})]


def x_archive_cases() -> list[Case]:
    found: list[Case] = []
    for name in ("tweets", "deleted-tweets", "like", "follower", "following", "profile"):
        found += [(name, element) for element in json.loads(x_files()[f"data/{name}.js"].split(b"= ", 1)[1])]
    message = {
        "senderId": "2222",
        "recipientId": "1111",
        "id": str(FIRST),
        "createdAt": "2025-11-16T12:00:00Z",
    }
    return [*found, ("direct-messages", {"messageCreate": message})]


def facebook_cases() -> list[Case]:
    value = {
        "from": {"id": "7", "name": "x"},
        "post_id": "100_1",
        "comment_id": "1_2",
        "parent_id": "100_1",
        "created_time": 1_795_000_000,
        "reaction_type": "love",
        "published": 1,
    }
    items = (*facebook.POSTS, "share", "comment", "reaction", "like", "rating", "unheard_of")
    changes = [
        ("feed", value | {"item": item, "verb": verb})
        for item in items
        for verb in ("add", "edited", "remove", "hide")
    ]
    changes += [
        ("mention", value | {"item": "post", "verb": "add"}),
        ("feed", value | {"item": "post", "verb": "add", "from": {"id": "100"}}),
    ]
    changes += [
        ("ratings", value | {"item": "rating", "verb": verb, "recommendation_type": "POSITIVE"})
        for verb in ("add", "remove")
    ]
    changes.append(
        ("messages", {"sender": {"id": "7"}, "timestamp": 1_795_000_000_000, "message": {"mid": "m_1"}})
    )
    return [
        ("", {"page": "100", "time": 1_795_000_000, "change": {"field": field, "value": value}})
        for field, value in changes
    ]


def facebook_export_cases() -> list[Case]:
    found: list[Case] = []
    for name, content in facebook_lists(is_new=True).items():
        loaded, base = json.loads(content), name.rsplit("/", 1)[-1]
        lists = (
            {base: loaded}
            if isinstance(loaded, list)
            else {f"{base}/{key}": value for key, value in loaded.items()}
        )
        found += [
            (kind, element)
            for kind, elements in lists.items()
            if isinstance(elements, list)
            for element in elements
        ]
    message = {"sender_name": "Zo\u00c3\u00ab", "timestamp_ms": 1_700_000_000_000, "type": "Generic"}
    found.append(("message", {"own_name": "Åse", "participants": 2, "message": message}))
    labelled = {
        "timestamp": 1_700_000_000,
        "label_values": [{"label": "Reaction", "value": "Love"}],
        "fbid": "1",
    }
    return [
        *found,
        ("likes_and_reactions_1.json", labelled),
        ("friends.json/deleted_friends_v2", {"name": "Bo", "timestamp": 1}),
    ]


Decode = Callable[[Frame, int], Decoded]
NETWORKS: dict[str, tuple[Decode, list[Case], str, str]] = {
    "github": (github.decode, github_cases(), "github", "octocat"),
    "x": (x.decode, x_cases(), "x", "1111"),
    "x archive": (lambda frame, at: x_archive.decode(frame, "1111", at), x_archive_cases(), "x", "1111"),
    "facebook": (facebook.decode, facebook_cases(), "facebook", "100"),
    "facebook export": (
        lambda frame, at: facebook_export.decode(frame, "me", at),
        facebook_export_cases(),
        "facebook",
        "me",
    ),
}
of_each = pytest.mark.parametrize("name", list(NETWORKS))


@pytest.fixture(scope="module")
def received() -> Iterator[ReceivedIndex]:
    with tempfile.TemporaryDirectory() as folder:
        index = ReceivedIndex(Path(folder))
        yield index
        index.close()


def outcome(name: str, kind: str, data: bytes, received: ReceivedIndex) -> Decoded | None:
    """None if refused; any other error fails the property."""
    decode, _, network, account = NETWORKS[name]
    addressing = Addressing(network, OneEnrolled(PersonId("p"), network, account).registry, received)  # type: ignore[arg-type] # a NewType
    try:
        found = decode(Frame(data, 1, len(data), kind), NOW_MS)
        assert bool(found.natives) != bool(found.skipped)
        assert len({native.record for native in found.natives}) <= 1
        assert found.skipped.replace("_", "").isalpha() or not found.skipped
        addressing.events(found.natives, NOW_MS)
    except InvalidEvent:
        return None
    return found


@of_each
def test_every_case_is_read_and_something_is_said(name: str, received: ReceivedIndex) -> None:
    said = [outcome(name, kind, json.dumps(value).encode(), received) for kind, value in NETWORKS[name][1]]
    assert sum(each is not None and bool(each.natives) for each in said) > len(said) / 4


@of_each
@settings(max_examples=300)
@given(data=st.binary(max_size=200) | anything.map(msgspec.json.encode))
def test_arbitrary_bytes_and_json(name: str, data: bytes, received: ReceivedIndex) -> None:
    for kind in {kind for kind, _ in NETWORKS[name][1]}:
        outcome(name, kind, data, received)


@of_each
@settings(max_examples=600)
@given(data=st.data())
def test_real_ones_with_one_part_replaced(name: str, data: st.DataObject, received: ReceivedIndex) -> None:
    kind, value = data.draw(st.sampled_from(NETWORKS[name][1]))
    value = json.loads(json.dumps(value))
    at = value
    while True:
        keys = sorted(at) if isinstance(at, dict) else range(len(at))
        if not keys:
            return
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or data.draw(st.integers(0, 3)) == 0:
            break
        at = at[key]
    if isinstance(at, dict) and data.draw(st.booleans()):
        del at[key]
    else:
        at[key] = data.draw(anything)
    outcome(name, kind, msgspec.json.encode(value), received)


@of_each
@settings(max_examples=200)
@given(data=st.data())
def test_cut_off_or_with_a_byte_changed(name: str, data: st.DataObject, received: ReceivedIndex) -> None:
    kind, value = data.draw(st.sampled_from(NETWORKS[name][1]))
    text = json.dumps(value).encode()
    cut = data.draw(st.integers(0, len(text) - 1))
    found = outcome(name, kind, text[:cut], received)
    assert found is None or not found.natives
    outcome(name, kind, text[:cut] + data.draw(st.binary(min_size=1, max_size=2)) + text[cut + 1 :], received)
    outcome(name, kind, text.replace(b'"', b'"\\ud800', data.draw(st.integers(1, 9))), received)


@of_each
def test_what_is_nested_without_end_is_refused(name: str, received: ReceivedIndex) -> None:
    for kind in {kind for kind, _ in NETWORKS[name][1]}:
        for begin in (b"[", b'{"a":', b'{"data":', b'{"sender":', b'{"change":', b'{"tweet":'):
            outcome(name, kind, begin * 100_000, received)


@settings(max_examples=300)
@given(st.binary(max_size=300) | anything.map(msgspec.json.encode))
def test_a_delivery_of_facebook_is_always_taken_apart(body: bytes) -> None:
    for letter in facebook.letters(body):
        try:
            facebook.decode(Frame(letter.data, 1, 1), NOW_MS)
        except InvalidEvent:
            continue
