"""Mastodon's archive: `outbox.json` (posts and boosts), `likes.json` (addresses only), `actor.json` (who it is of).

https://docs.joinmastodon.org/user/moving/#export. What is in it: `app/services/backup_service.rb` of the server. Bookmarks are private, and not read.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO

import msgspec

from presence.events.errors import InvalidEvent, SourceUnavailable
from presence.events.vocabulary import Object, TimeQuality
from presence.ingest.acts import Act, Decoded
from presence.ingest.decoding import REF_CHARS_MAX, guarded, in_range
from presence.ingest.exports.elements import elements
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.frames import Frame
from presence.ingest.networks import mastodon
from presence.ingest.networks.mastodon_records import Activity, Attachment, Note, Tag
from presence.ingest.reading import without_markup

OUTBOX, LIKES, ACTOR = "outbox.json", "likes.json", "actor.json"
PUBLIC = frozenset({"https://www.w3.org/ns/activitystreams#Public", "as:Public", "Public"})
"""https://www.w3.org/TR/activitypub/#public-addressing"""
MEDIA_OBJECTS = {"image": Object.IMAGE, "video": Object.VIDEO}
HEAD_BYTES = 65_536
ACTOR_BYTES_MAX = 2**20

_TOTAL = re.compile(rb'"totalItems"\s*:\s*([0-9]{1,9})')
_ACTOR = re.compile(rb'"actor"\s*:\s*"(https?://[^"\\]{1,500})"')
_SNOWFLAKE = re.compile(r".*/([0-9]{17,19})")
_activity = msgspec.json.Decoder(Activity)


class _Actor(msgspec.Struct, rename="camel"):
    id: str
    preferred_username: str


def items(export: Export) -> Iterator[Item]:
    """Each activity of the outbox and each favourite."""

    def read(part: Part, file: BinaryIO) -> Iterator[Item]:
        for item in elements(file, part.base.lower()):
            name, _, member = item.kind.partition("/")
            if member == "orderedItems":
                yield Item(item.data, name, item.refused, item.size_bytes)

    yield from export.items(export.select(OUTBOX, LIKES), read)


def owner(export: Export) -> str:
    """The account of `actor.json`, or of the first activity where that is missing; empty if there is none."""
    for part in export.find(ACTOR):
        try:
            with export.open(part) as file, guarded():
                actor = msgspec.json.decode(file.read(ACTOR_BYTES_MAX), type=_Actor)
        except InvalidEvent:
            continue
        host = actor.id.split("/")[2:3]
        if host:
            return f"{actor.preferred_username}@{host[0]}".lower()
    return next((mastodon.account_of(found.decode(errors="replace")) for found in _heads(export, _ACTOR)), "")


def declared(export: Export) -> Mapping[str, int]:
    """How many items each file says it has."""
    return {name: int(found) for name in (OUTBOX, LIKES) for found in _heads(export, _TOTAL, name)}


def decode(frame: Frame, account: str, observed_ms: int) -> Decoded:
    """What an item says that `account` did.

    Raises InvalidEvent: `json`, `shape`, `nesting`, `time`, `mentions`.
    """
    with guarded():
        if frame.kind == LIKES:
            return _liked(msgspec.json.decode(frame.data, type=str), account, observed_ms)
        activity = _activity.decode(frame.data)
    if not PUBLIC.intersection((*_all(activity.to), *_all(activity.cc))):
        return Decoded(skipped=mastodon.NOT_PUBLIC)
    by = mastodon.account_of(activity.actor) or account
    at_ms = mastodon.seconds(activity.published, observed_ms)
    if activity.type == "Announce":
        uri = activity.object if isinstance(activity.object, str) else activity.object.id
        return Decoded(
            (mastodon.act("boost", "by", by=by, record=mastodon.boost(by, uri), at_ms=at_ms, ref=uri),)
        )
    if activity.type == "Create" and isinstance(activity.object, Note):
        return Decoded(tuple(_posted(activity.object, by, at_ms)))
    return Decoded(skipped=mastodon.UNSCORED)


def _posted(note: Note, by: str, at_ms: int) -> Iterator[Act]:
    media = [str(each.media_type).partition("/")[0] for each in _attachments(note)]
    found = next((MEDIA_OBJECTS[each] for each in media if each in MEDIA_OBJECTS), Object.NOTE)
    answered = (mastodon.account_of(note.in_reply_to) or mastodon.UNKNOWN) if note.in_reply_to else ""
    mentioned = [
        mastodon.account_of(each.href) for each in _tags(note) if each.type == "Mention" and each.href
    ]
    quoted = mastodon.account_of(note.quote or "")
    ref = note.url if isinstance(note.url, str) and len(note.url) <= REF_CHARS_MAX else note.id
    text = without_markup(f"{note.summary or ''} {note.content or ''}")
    return mastodon.posted(
        mastodon.Post(by, note.id, at_ms, ref, found, answered, mentioned, quoted, text=text)
    )


def _liked(uri: str, account: str, observed_ms: int) -> Decoded:
    """A favourite: when, nobody says; not before the status was made, which the ids of Mastodon tell."""
    found = _SNOWFLAKE.fullmatch(uri)
    if found is None or not uri.startswith(("http://", "https://")):
        return Decoded(skipped="undated")
    at_ms = in_range((int(found[1]) >> 16) // 1000 * 1000, observed_ms)
    record = mastodon.like(account, uri)
    liked = mastodon.act("like", "by", by=account, record=record, at_ms=at_ms, ref=uri)
    return Decoded((msgspec.structs.replace(liked, time_quality=TimeQuality.UNKNOWN),))


def _heads(export: Export, pattern: re.Pattern[bytes], *names: str) -> Iterator[bytes]:
    """What `pattern` finds in the beginning of each file of these names."""
    for part in export.find(*(names or (OUTBOX,))):
        try:
            with export.open(part) as file:
                found = pattern.search(file.read(HEAD_BYTES))
        except (InvalidEvent, SourceUnavailable):
            continue
        if found is not None:
            yield found[1]


def _all(value: Sequence[str] | str) -> Sequence[str]:
    return (value,) if isinstance(value, str) else value


def _tags(note: Note) -> Sequence[Tag]:
    return (note.tag,) if isinstance(note.tag, Tag) else note.tag


def _attachments(note: Note) -> Sequence[Attachment]:
    return (note.attachment,) if isinstance(note.attachment, Attachment) else note.attachment
