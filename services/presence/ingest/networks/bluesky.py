"""Bluesky: what the records of its repositories mean. Pure: bytes in, acts out.

The table is the network's whole meaning for Presence; each row's reference is the lexicon of its record.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec

from presence.events.door import FUTURE_MS_MAX, OCCURRED_MS_MIN
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Gauge, Network, Object, Verb
from presence.ingest.acts import Act, Decoded, Native, Reading, Retraction
from presence.ingest.meaning import BY, TO, Meaning
from presence.ingest.networks.bluesky_records import (
    Commit,
    Embed,
    Envelope,
    Follow,
    Post,
    Profile,
    Subject,
    tid_millis,
)

NETWORK = Network("bluesky")
MENTIONS_MAX = 300
"""A post has at most 3,000 bytes of text: more mentions than this cannot stand in it."""

LEXICONS = "https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky"
LIKE, REPOST = "app.bsky.feed.like", "app.bsky.feed.repost"
FOLLOW, POST, PROFILE = "app.bsky.graph.follow", "app.bsky.feed.post", "app.bsky.actor.profile"
WANTED = (LIKE, REPOST, FOLLOW, POST, PROFILE)


TABLE: Mapping[tuple[str, str], Meaning] = MappingProxyType(
    {
        (LIKE, "by"): Meaning(BY, Verb.LIKE, Object.NOTE, f"{LEXICONS}/feed/like.json"),
        (LIKE, "to"): Meaning(TO, Verb.LIKE, Object.NOTE, f"{LEXICONS}/feed/like.json"),
        (REPOST, "by"): Meaning(BY, Verb.ANNOUNCE, Object.NOTE, f"{LEXICONS}/feed/repost.json"),
        (REPOST, "to"): Meaning(TO, Verb.ANNOUNCE, Object.NOTE, f"{LEXICONS}/feed/repost.json"),
        (FOLLOW, "by"): Meaning(BY, Verb.FOLLOW, Object.PROFILE, f"{LEXICONS}/graph/follow.json"),
        (FOLLOW, "to"): Meaning(TO, Verb.FOLLOW, Object.PROFILE, f"{LEXICONS}/graph/follow.json"),
        (POST, "by"): Meaning(BY, Verb.CREATE, Object.NOTE, f"{LEXICONS}/feed/post.json"),
        (POST, "reply"): Meaning(TO, Verb.CREATE, Object.NOTE, f"{LEXICONS}/feed/post.json#L44"),
        (POST, "mention"): Meaning(TO, Verb.MENTION, Object.NOTE, f"{LEXICONS}/richtext/facet.json"),
        (POST, "quote"): Meaning(TO, Verb.QUOTE, Object.NOTE, f"{LEXICONS}/embed/record.json"),
        (PROFILE, "by"): Meaning(BY, Verb.UPDATE, Object.PROFILE, f"{LEXICONS}/actor/profile.json"),
    }
)
SUBJECT_OBJECTS: Mapping[str, Object] = MappingProxyType({POST: Object.NOTE})
"""What a like is about, by its subject's collection; a feed or a list has no word in the vocabulary."""
EMBED_OBJECTS: Mapping[str, Object] = MappingProxyType(
    {
        "app.bsky.embed.images": Object.IMAGE,  # LEXICONS/embed/images.json
        "app.bsky.embed.video": Object.VIDEO,  # LEXICONS/embed/video.json
    }
)
MENTION_FEATURE = "app.bsky.richtext.facet#mention"
UNSCORED = frozenset(
    {
        "app.bsky.actor.status",
        "app.bsky.feed.generator",
        "app.bsky.feed.postgate",
        "app.bsky.feed.threadgate",
        "app.bsky.graph.block",
        "app.bsky.graph.list",
        "app.bsky.graph.listblock",
        "app.bsky.graph.listitem",
        "app.bsky.graph.starterpack",
        "app.bsky.graph.verification",
        "app.bsky.labeler.service",
        "app.bsky.notification.declaration",
        "chat.bsky.actor.declaration",
    }
)
"""Record types of the network that say nothing of how somebody comes across. LEXICONS lists them all."""

_envelope = msgspec.json.Decoder(Envelope)
_subject = msgspec.json.Decoder(Subject)
_follow = msgspec.json.Decoder(Follow)
_post = msgspec.json.Decoder(Post)
_profile = msgspec.json.Decoder(Profile)


def decode(data: bytes, observed_ms: int) -> Decoded:
    """What one Jetstream frame says.

    Raises InvalidEvent: `json` (not JSON), `shape` (a field is missing or of another type or form), `nesting` (too deep),
    `time` (not a time, or out of the log's range), `mentions` (too many), `unknown_collection`, `unknown_kind`.
    """
    try:
        return _decode(data, observed_ms)
    except msgspec.ValidationError as error:
        raise InvalidEvent("shape") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidEvent("json") from error
    except RecursionError as error:
        raise InvalidEvent("nesting") from error


def _decode(data: bytes, observed_ms: int) -> Decoded:
    envelope = _envelope.decode(data)
    if envelope.kind in {"identity", "account"}:
        return Decoded(skipped=envelope.kind)
    if envelope.kind != "commit":
        raise InvalidEvent("unknown_kind")
    commit = envelope.commit
    if commit is None:
        raise InvalidEvent("shape")
    read = _READERS.get(commit.collection)
    if read is None:
        if commit.collection in UNSCORED:
            return Decoded(skipped="unscored")
        raise InvalidEvent("unknown_collection")
    if commit.operation == "delete":
        return _retracted(envelope.did, commit)
    if commit.operation == "update" and commit.collection != PROFILE:
        return Decoded(skipped="edited")
    return Decoded(tuple(read(envelope.did, commit, observed_ms)))


def _retracted(did: str, commit: Commit) -> Decoded:
    if commit.collection == PROFILE:
        return Decoded(skipped="profile_deleted")
    return Decoded((Retraction(did, _record(did, commit), "by"),))


def _like_or_repost(did: str, commit: Commit, observed_ms: int) -> Iterator[Native]:
    record = _subject.decode(commit.record)
    at_ms = _millis(record.created_at, observed_ms)
    whose, collection = _authority(record.subject.uri)
    about = SUBJECT_OBJECTS.get(collection, Object.UNSPECIFIED)
    yield _act(did, did, commit, "by", at_ms, kind=about)
    if _is_other(whose, did):
        yield _act(whose, did, commit, "to", at_ms, kind=about)


def _followed(did: str, commit: Commit, observed_ms: int) -> Iterator[Native]:
    record = _follow.decode(commit.record)
    at_ms = _millis(record.created_at, observed_ms)
    yield _act(did, did, commit, "by", at_ms)
    if _is_other(record.subject, did):
        yield _act(record.subject, did, commit, "to", at_ms)


def _posted(did: str, commit: Commit, observed_ms: int) -> Iterator[Native]:
    record = _post.decode(commit.record)
    at_ms = _millis(record.created_at, observed_ms)
    answered = _authority(record.reply.parent.uri)[0] if record.reply else ""
    kind = _object(record.embed)
    yield _act(did, did, commit, "by", at_ms, kind=kind, answered=answered, text=record.text)
    if _is_other(answered, did):
        yield _act(answered, did, commit, "reply", at_ms, kind=kind, answered=answered)
    for mentioned in _mentions(record):
        if _is_other(mentioned, did):
            yield _act(mentioned, did, commit, "mention", at_ms)
    quoted = _quoted(record.embed)
    if _is_other(quoted, did):
        yield _act(quoted, did, commit, "quote", at_ms)


def _presented(did: str, commit: Commit, observed_ms: int) -> Iterator[Native]:
    """A profile is one record that is overwritten: each version is an act, told apart by its content's cid."""
    record = _profile.decode(commit.record)
    if commit.cid is None:
        raise InvalidEvent("shape")
    at_ms = _in_range(tid_millis(commit.rev), observed_ms)
    version = f"{_record(did, commit)}/{commit.cid}"
    meaning, uri = TABLE[PROFILE, "by"], _uri(did, commit)
    shown = (record.display_name, record.description, record.avatar, record.banner)
    filled = sum(part is not None and part != "" for part in shown)
    yield Act(did, did, version, "by", meaning.direction, meaning.verb, meaning.object, at_ms, uri)
    yield Reading(did, version, "completeness", Gauge.PROFILE_COMPLETENESS, 25 * filled, at_ms, uri)


_READERS: Mapping[str, Callable[[str, Commit, int], Iterator[Native]]] = MappingProxyType(
    {LIKE: _like_or_repost, REPOST: _like_or_repost, FOLLOW: _followed, POST: _posted, PROFILE: _presented}
)


def _act(
    about: str,
    did: str,
    commit: Commit,
    what: str,
    at_ms: int,
    *,
    kind: Object | None = None,
    answered: str = "",
    text: str = "",
) -> Act:
    meaning = TABLE[commit.collection, what]
    kind = meaning.object if kind is None else kind
    return Act(
        about=about,
        by=did,
        record=_record(did, commit),
        what=what,
        direction=meaning.direction,
        verb=meaning.verb,
        object=kind,
        occurred_ms=at_ms,
        ref=_uri(did, commit),
        answers=answered,
        text=text,
    )


def _record(did: str, commit: Commit) -> str:
    return f"{did}/{commit.collection}/{commit.rkey}"


def _uri(did: str, commit: Commit) -> str:
    return f"at://{did}/{commit.collection}/{commit.rkey}"


def _authority(uri: str) -> tuple[str, str]:
    """The account and the collection of an at-uri. The account may be a handle, which says nothing to us."""
    account, collection, _ = uri[5:].split("/", 2)
    return account, collection


def _is_other(account: str, did: str) -> bool:
    return account.startswith("did:") and account != did


def _mentions(record: Post) -> Iterator[str]:
    features = (feature for facet in record.facets or () for feature in facet.features)
    mentioned = dict.fromkeys(each.did for each in features if each.type == MENTION_FEATURE and each.did)
    if len(mentioned) > MENTIONS_MAX:
        raise InvalidEvent("mentions")
    yield from mentioned


def _quoted(embed: Embed | None) -> str:
    """Whose record is embedded; empty if none is."""
    if embed is None or embed.type not in {"app.bsky.embed.record", "app.bsky.embed.recordWithMedia"}:
        return ""
    inner: Any = embed.record
    uri = inner and (inner.uri or (inner.record and inner.record.uri))
    if not uri:
        raise InvalidEvent("shape")
    return _authority(uri)[0]


def _object(embed: Embed | None) -> Object:
    if embed is None:
        return Object.NOTE
    kind = embed.media.type if embed.media else embed.type
    return EMBED_OBJECTS.get(kind, Object.NOTE)


def _millis(text: str, observed_ms: int) -> int:
    try:
        since = datetime.fromisoformat(text) - _EPOCH
    except (ValueError, OverflowError) as error:
        raise InvalidEvent("time") from error
    at_ms = since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000
    return _in_range(at_ms, observed_ms)


def _in_range(at_ms: int, observed_ms: int) -> int:
    """The door's own range, looked at for every frame, so that it does not matter who of it is enrolled."""
    if not OCCURRED_MS_MIN <= at_ms <= observed_ms + FUTURE_MS_MAX:
        raise InvalidEvent("time")
    return at_ms


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
