"""The shape of what Jetstream sends, as far as we read it: a field of another type makes the frame unusable.

Frames: https://github.com/bluesky-social/jetstream; string formats: https://atproto.com/specs/did, /nsid, /tid,
/record-key, /at-uri-scheme and https://atproto.com/specs/lexicon#datetime. Unknown fields are ignored, as a lexicon may grow.
"""

from types import MappingProxyType
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct

_DID = r"did:[a-z]+:[A-Za-z0-9._:%-]{1,240}"
_RKEY = r"[A-Za-z0-9._:~-]{1,512}"
_NSID = r"[A-Za-z][A-Za-z0-9.-]{1,316}"

Did = Annotated[str, Meta(pattern=rf"^{_DID}\Z")]
Rkey = Annotated[str, Meta(pattern=rf"^{_RKEY}\Z")]
Nsid = Annotated[str, Meta(pattern=rf"^{_NSID}\Z")]
Cid = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+=]{8,256}\Z")]
Tid = Annotated[str, Meta(pattern=r"^[2-7a-j][2-7a-z]{12}\Z")]
AtUri = Annotated[str, Meta(pattern=rf"^at://[A-Za-z0-9._:%-]{{1,253}}/{_NSID}/{_RKEY}\Z")]
Datetime = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,20})?(Z|[+-][0-9]{2}:[0-9]{2})\Z"
    ),
]


_TID_DIGITS = MappingProxyType({digit: at for at, digit in enumerate("234567abcdefghijklmnopqrstuvwxyz")})


def tid_millis(tid: str) -> int:
    """The time of a timestamp identifier: 13 base32 digits, the upper 53 bits are microseconds."""
    value = 0
    for character in tid:
        value = value << 5 | _TID_DIGITS[character]
    return (value >> 10) // 1000


class Commit(Struct, frozen=True, gc=False):
    operation: Literal["create", "update", "delete"]
    collection: Nsid
    rkey: Rkey
    rev: Tid
    record: Raw = Raw()
    cid: Cid | None = None


class Envelope(Struct, frozen=True, gc=False):
    did: Did
    time_us: Annotated[int, Meta(gt=0)]
    kind: str
    commit: Commit | None = None


class Strong(Struct, frozen=True, gc=False):
    """com.atproto.repo.strongRef."""

    uri: AtUri


class Subject(Struct, frozen=True, gc=False, rename="camel"):
    """app.bsky.feed.like and app.bsky.feed.repost."""

    created_at: Datetime
    subject: Strong


class Follow(Struct, frozen=True, gc=False, rename="camel"):
    created_at: Datetime
    subject: Did


class Reply(Struct, frozen=True, gc=False):
    parent: Strong


class Feature(Struct, frozen=True, gc=False):
    type: str = msgspec.field(name="$type", default="")
    did: Did | None = None


class Facet(Struct, frozen=True, gc=False):
    features: tuple[Feature, ...]


class Typed(Struct, frozen=True, gc=False):
    type: str = msgspec.field(name="$type", default="")


class Quoted(Struct, frozen=True, gc=False):
    """`record` of an embed: a strong reference, or an embed of one beside media."""

    uri: AtUri | None = None
    record: Strong | None = None


class Embed(Struct, frozen=True, gc=False):
    type: str = msgspec.field(name="$type", default="")
    record: Quoted | None = None
    media: Typed | None = None


class Post(Struct, frozen=True, gc=False, rename="camel"):
    created_at: Datetime
    text: str = ""
    reply: Reply | None = None
    facets: tuple[Facet, ...] | None = None
    embed: Embed | None = None


class Blob(Struct, frozen=True, gc=False):
    """Any JSON object: that there is a picture is all we want to know."""


class Profile(Struct, frozen=True, gc=False, rename="camel"):
    display_name: str | None = None
    description: str | None = None
    avatar: Blob | None = None
    banner: Blob | None = None
