"""Frames of a small town on Bluesky, in Jetstream's wire format: the same seed gives the same bytes.

Their shape is that of frames recorded from the public network (`tests/data/jetstream_v1.jsonl`); the people are
made up, and so is all text.
"""

import base64
import hashlib
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

POSTS_MAX = 40
"""How many recent posts of a person others still react to."""
UNDO_SHARE = 0.02
"""Of all acts: a like that is taken back."""


def _tid(time_us: int) -> str:
    """A timestamp identifier: 53 bits of microseconds and 10 of a clock id, base32-sortable."""
    alphabet = "234567abcdefghijklmnopqrstuvwxyz"
    value = time_us << 10
    return "".join(alphabet[value >> shift & 31] for shift in range(60, -5, -5))


def _cid(content: str) -> str:
    return f"bafyrei{_base32(content, 52)}"


def _base32(content: str, characters: int) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return base64.b32encode(digest + digest).decode().lower()[:characters]


@dataclass(frozen=True, slots=True)
class Member:
    """One of the cast. `posts` and `applause` are relative frequencies; `fans` is how many react."""

    name: str
    did: str
    posts: float
    applause: float
    fans: int
    replies: float = 0.1


def did(name: str) -> str:
    """A made-up DID, of the form that the network gives out."""
    return f"did:plc:{_base32(name, 24)}"


CAST = (
    Member("Ada, who explains things", did("ada"), posts=3, applause=30, fans=160),
    Member("Bo, a regular", did("bo"), posts=2, applause=8, fans=60),
    Member("Cleo, who answers everybody", did("cleo"), posts=2, applause=6, fans=40, replies=0.8),
    Member("Dax, a bot", did("dax"), posts=25, applause=2, fans=4),
    Member("Eve, who went viral once", did("eve"), posts=0.3, applause=12, fans=190),
    Member("Finn, who is silent", did("finn"), posts=0.02, applause=0.2, fans=5),
)


def frames(
    count: int, *, end_ms: int, days: int = 60, seed: int = 1, cast: Sequence[Member] = CAST, crowd: int = 200
) -> Iterator[bytes]:
    """`count` frames in time order, spread evenly over the `days` before `end_ms`.

    A crowd of `crowd` others reacts to what the cast posts: likes, replies, reposts, follows,
    and now and then takes a like back.
    """
    town = _Town(random.Random(seed), list(cast), [did(f"fan {number}") for number in range(crowd)])  # noqa: S311
    start_us = (end_ms - days * 86_400_000) * 1000
    step_us = days * 86_400_000_000 // max(count, 1)
    for number in range(count):
        yield msgspec.json.encode(town.act(start_us + number * step_us))


def post(who: str, at_ms: int) -> bytes:
    """The frame of a post of `who`."""
    record = {"text": "Something worth saying."}
    return msgspec.json.encode(_frame(who, at_ms * 1000, "app.bsky.feed.post", _tid(at_ms * 1000), record))


@dataclass(slots=True)
class _Town:
    chance: random.Random
    cast: list[Member]
    crowd: list[str]
    posts: dict[str, deque[str]] = field(default_factory=dict)
    likes: deque[tuple[str, str]] = field(default_factory=lambda: deque(maxlen=500))
    newcomers: deque[Member] = field(init=False)

    def __post_init__(self) -> None:
        self.newcomers = deque(self.cast)

    def act(self, time_us: int) -> dict[str, Any]:
        if self.newcomers:
            return self._profile(self.newcomers.popleft(), time_us)
        if self.likes and self.chance.random() < UNDO_SHARE:
            who, rkey = self.likes.popleft()
            return _frame(who, time_us, "app.bsky.feed.like", rkey, None)
        member = self.chance.choices(self.cast, [each.posts + each.applause for each in self.cast])[0]
        mine = self.posts.setdefault(member.did, deque(maxlen=POSTS_MAX))
        if not mine or self.chance.random() < member.posts / (member.posts + member.applause):
            return self._post(member, mine, time_us)
        return self._react(member, mine, time_us)

    def _profile(self, member: Member, time_us: int) -> dict[str, Any]:
        record = {"displayName": member.name, "description": "Made up for a demonstration."}
        return _frame(member.did, time_us, "app.bsky.actor.profile", "self", record)

    def _post(self, member: Member, mine: deque[str], time_us: int) -> dict[str, Any]:
        record: dict[str, Any] = {"text": "Something worth saying."}
        if self.chance.random() < member.replies:
            fan = self.chance.choice(self.crowd)
            record["reply"] = _reply(f"at://{fan}/app.bsky.feed.post/{_tid(time_us - 60_000_000)}")
        rkey = _tid(time_us)
        mine.append(f"at://{member.did}/app.bsky.feed.post/{rkey}")
        return _frame(member.did, time_us, "app.bsky.feed.post", rkey, record)

    def _react(self, member: Member, mine: deque[str], time_us: int) -> dict[str, Any]:
        fan = self.crowd[self.chance.randrange(min(member.fans, len(self.crowd)))]
        uri, rkey = self.chance.choice(mine), _tid(time_us)
        subject = {"uri": uri, "cid": _cid(uri)}
        kind = self.chance.choices(("like", "reply", "repost", "follow"), (64, 16, 12, 8))[0]
        if kind == "reply":
            record = {"text": "I see it the same way.", "reply": _reply(uri)}
            return _frame(fan, time_us, "app.bsky.feed.post", rkey, record)
        if kind == "follow":
            return _frame(fan, time_us, "app.bsky.graph.follow", rkey, {"subject": member.did})
        if kind == "like":
            self.likes.append((fan, rkey))
        return _frame(fan, time_us, f"app.bsky.feed.{kind}", rkey, {"subject": subject})


def _frame(
    who: str, time_us: int, collection: str, rkey: str, record: dict[str, Any] | None
) -> dict[str, Any]:
    commit: dict[str, Any] = {
        "rev": _tid(time_us),
        "operation": "delete" if record is None else "create",
        "collection": collection,
        "rkey": rkey,
    }
    if record is not None:
        created = datetime.fromtimestamp(time_us // 1000 / 1000, UTC).isoformat(timespec="milliseconds")
        stamped = {"$type": collection, "createdAt": created.replace("+00:00", "Z"), **record}
        commit |= {"record": stamped, "cid": _cid(f"{who}/{collection}/{rkey}/{time_us}")}
    return {"did": who, "time_us": time_us, "kind": "commit", "commit": commit}


def _reply(uri: str) -> dict[str, dict[str, str]]:
    return {"parent": {"uri": uri, "cid": _cid(uri)}, "root": {"uri": uri, "cid": _cid(uri)}}
