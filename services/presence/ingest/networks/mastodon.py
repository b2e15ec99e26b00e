"""Mastodon, and what speaks as it does: what its events, notifications and statuses mean. Pure: a frame in, acts out.

An account is its name and the host of its profile's address, in lower case, such as `ada@mastodon.example`. A status is known by its ActivityPub
id, which the API and an archive share; a boost by who boosted what, for a notification tells no more. Times are of a second, as an
archive has them. Nothing that is not public is read into acts.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Gauge, Network, Object, Verb
from presence.ingest.acts import Act, Decoded, Native, Reading, Retraction
from presence.ingest.decoding import guarded, iso_millis, required
from presence.ingest.frames import Frame
from presence.ingest.meaning import BY, TO, Meaning
from presence.ingest.networks.mastodon_records import Account, Mention, Notification, Status
from presence.ingest.reading import without_markup

NETWORK = Network("mastodon")
DOCS = "https://docs.joinmastodon.org"
VOCABULARY = "https://www.w3.org/TR/activitystreams-vocabulary"
MENTIONS_MAX = 500
UNKNOWN = "?"
"""Somebody else whom nothing names."""

TABLE: Mapping[tuple[str, str], Meaning] = MappingProxyType(
    {
        ("status", "by"): Meaning(BY, Verb.CREATE, Object.NOTE, f"{DOCS}/entities/Status/"),
        ("status", "reply"): Meaning(
            TO, Verb.CREATE, Object.NOTE, f"{DOCS}/entities/Status/#in_reply_to_account_id"
        ),
        ("status", "mention"): Meaning(TO, Verb.MENTION, Object.NOTE, f"{DOCS}/entities/Status/#mentions"),
        ("status", "quote"): Meaning(TO, Verb.QUOTE, Object.NOTE, f"{DOCS}/entities/Quote/"),
        ("boost", "by"): Meaning(BY, Verb.ANNOUNCE, Object.NOTE, f"{DOCS}/entities/Status/#reblog"),
        ("boost", "to"): Meaning(TO, Verb.ANNOUNCE, Object.NOTE, f"{DOCS}/entities/Notification/#type"),
        ("like", "by"): Meaning(BY, Verb.LIKE, Object.NOTE, f"{VOCABULARY}/#dfn-like"),
        ("like", "to"): Meaning(TO, Verb.LIKE, Object.NOTE, f"{DOCS}/entities/Notification/#type"),
        ("follow", "to"): Meaning(TO, Verb.FOLLOW, Object.PROFILE, f"{DOCS}/entities/Notification/#type"),
    }
)
MEDIA_OBJECTS: Mapping[str, Object] = MappingProxyType(
    {
        "image": Object.IMAGE,  # DOCS/entities/MediaAttachment/#type
        "gifv": Object.VIDEO,
        "video": Object.VIDEO,
    }
)
PUBLIC = frozenset({"public", "unlisted"})
"""https://docs.joinmastodon.org/entities/Status/#visibility"""
NOT_PUBLIC, UNSCORED = "not_public", "unscored"
SKIPPED_EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "status.update": "edited",
        "conversation": NOT_PUBLIC,
        "filters_changed": UNSCORED,
        "announcement": UNSCORED,
        "announcement.reaction": UNSCORED,
        "announcement.delete": UNSCORED,
        "encrypted_message": NOT_PUBLIC,
        "notifications_merged": UNSCORED,
    }
)
"""Events of https://docs.joinmastodon.org/methods/streaming/#events that give no acts, and why."""

_ACCOUNT_URL = re.compile(r"https?://([^/\s]{1,253})/(?:users/|@)([\w.-]{1,128})(?:[/?#].*)?", re.DOTALL)
_status = msgspec.json.Decoder(Status)
_notification = msgspec.json.Decoder(Notification)
_id = msgspec.json.Decoder(str | int)


class Heard(NamedTuple):
    """What somebody's stream tells: the event's name, whose stream it is (`@host` of a public one), and its server."""

    event: str
    owner: str

    @property
    def server(self) -> str:
        return self.owner.rpartition("@")[2]


def kind(event: str, owner: str) -> str:
    """The kind of a frame: both that `Heard` has."""
    return f"{event} {owner}"


def decode(frame: Frame, observed_ms: int) -> Decoded:
    """What one event of a stream, or one entity of the REST API under the same name, says.

    Raises InvalidEvent: `json`, `shape`, `nesting`, `time`, `mentions`, `unknown_event`.
    """
    heard = Heard(*frame.kind.partition(" ")[::2])
    with guarded():
        if heard.event == "update":
            return _decoded(of_status(_status.decode(frame.data), heard.server, observed_ms))
        if heard.event == "notification":
            return _decoded(_of_notification(_notification.decode(frame.data), heard, observed_ms))
        if heard.event == "delete":
            return Decoded((Retraction("", alias(heard.server, _deleted(frame.data)), ""),))
    if heard.event in SKIPPED_EVENTS:
        return Decoded(skipped=SKIPPED_EVENTS[heard.event])
    raise InvalidEvent("unknown_event")


Said = Iterator[Native] | str
"""Acts, or in one word why there are none."""


def of_status(status: Status, server: str, observed_ms: int) -> Said:
    """What a status says that `server` shows."""
    if status.visibility not in PUBLIC:
        return NOT_PUBLIC
    at_ms = seconds(status.created_at, observed_ms)
    if status.reblog is not None:
        return _boosted(status, status.reblog, server, at_ms)
    return _written(status, server, at_ms, observed_ms)


def _boosted(status: Status, original: Status, server: str, at_ms: int) -> Said:
    if original.visibility not in PUBLIC:
        return NOT_PUBLIC
    by, uri = native(status.account), original.uri
    named = alias(server, status.id)
    return iter((act("boost", "by", by=by, record=boost(by, uri), at_ms=at_ms, ref=uri, named=named),))


def _written(status: Status, server: str, at_ms: int, observed_ms: int) -> Iterator[Native]:
    by = native(status.account)
    medium = next((each.type for each in status.media_attachments if each.type in MEDIA_OBJECTS), "")
    quoted = status.quote.quoted_status if status.quote and status.quote.state == "accepted" else None
    yield from posted(
        Post(
            by=by,
            uri=status.uri,
            at_ms=at_ms,
            ref=status.url or status.uri,
            object=MEDIA_OBJECTS.get(medium, Object.NOTE),
            answered=_answered(status, by),
            mentioned=[native(each) for each in status.mentions],
            quoted=native(quoted.account) if quoted else "",
            named=alias(server, status.id),
            text=without_markup(f"{status.spoiler_text or ''} {status.content or ''}"),
        )
    )
    count = status.account.followers_count
    if count >= 0:
        ref = status.account.url
        yield Reading(by, status.uri, "followers", Gauge.FOLLOWERS, count, observed_ms, ref)


class Post(NamedTuple):
    """What a status of the API and a Note of an archive both tell; accounts are native, and empty for nobody."""

    by: str
    uri: str
    at_ms: int
    ref: str
    object: Object
    answered: str
    mentioned: Sequence[str]
    quoted: str
    named: str = ""
    text: str = ""


def posted(post: Post) -> Iterator[Act]:
    """The acts of one post. A reply always mentions whom it answers, so that is not one more act."""
    if len(post.mentioned) > MENTIONS_MAX:
        raise InvalidEvent("mentions")
    one = partial(
        act, "status", by=post.by, record=post.uri, at_ms=post.at_ms, ref=post.ref, named=post.named
    )
    yield one("by", found=post.object, answers=post.answered, text=post.text)
    if post.answered not in {"", post.by, UNKNOWN}:
        yield one("reply", about=post.answered, found=post.object, answers=post.answered)
    for each in dict.fromkeys(post.mentioned):
        if each not in {"", post.by, post.answered}:
            yield one("mention", about=each)
    if post.quoted not in {"", post.by}:
        yield one("quote", about=post.quoted)


def _answered(status: Status, by: str) -> str:
    """Whom the status replies to; empty if nobody. The API names only the id; who has it is told among the mentions."""
    if status.in_reply_to_id is None:
        return ""
    if status.in_reply_to_account_id == status.account.id:
        return by
    found = (native(each) for each in status.mentions if each.id == status.in_reply_to_account_id)
    return next(found, UNKNOWN)


def _of_notification(told: Notification, heard: Heard, observed_ms: int) -> Said:
    read = _NOTIFICATIONS.get(told.type)
    return read(told, heard, observed_ms) if read else UNSCORED


def _status_of(told: Notification, heard: Heard, observed_ms: int) -> Said:
    return of_status(required(told.status), heard.server, observed_ms)


def _reaction(word: str) -> Callable[[Notification, Heard, int], Said]:
    """One to a status of whoever is notified. Only they are told, so only they have it from here."""

    def read(told: Notification, _heard: Heard, observed_ms: int) -> Said:
        status = required(told.status)
        if status.visibility not in PUBLIC:
            return NOT_PUBLIC
        by, about = native(told.account), native(status.account)
        record = boost(by, status.uri) if word == "boost" else like(by, status.uri)
        at_ms = seconds(told.created_at, observed_ms)
        return iter((act(word, "to", about=about, by=by, record=record, at_ms=at_ms, ref=status.uri),))

    return read


def _followed(told: Notification, heard: Heard, observed_ms: int) -> Said:
    if not heard.owner.partition("@")[0]:
        raise InvalidEvent("shape")
    by, whom = native(told.account), heard.owner
    at_ms, ref = seconds(told.created_at, observed_ms), told.account.url
    return iter((act("follow", "to", about=whom, by=by, record=f"follow/{by}/{whom}", at_ms=at_ms, ref=ref),))


_NOTIFICATIONS: Mapping[str, Callable[[Notification, Heard, int], Said]] = MappingProxyType(
    {
        "mention": _status_of,
        "quote": _status_of,
        "favourite": _reaction("like"),
        "reblog": _reaction("boost"),
        "follow": _followed,
    }
)


def act(
    word: str,
    what: str,
    *,
    by: str,
    record: str,
    at_ms: int,
    ref: str,
    about: str = "",
    found: Object | None = None,
    answers: str = "",
    named: str = "",
    text: str = "",
) -> Act:
    """The act that the row of TABLE says; `about` empty: by and about the same. `named`: its alias."""
    meaning = TABLE[word, what]
    return Act(
        about=about or by,
        by=by,
        record=record,
        what=what,
        direction=meaning.direction,
        verb=meaning.verb,
        object=found or meaning.object,
        occurred_ms=at_ms,
        ref=ref,
        answers=answers,
        alias=named,
        text=text,
    )


def native(account: Account | Mention) -> str:
    """An account by its name and the host of its page. The API leaves the host out of names of its own server."""
    return f"{account.username}@{account.url.split('/')[2]}".lower()


def account_of(url: str) -> str:
    """The account to whom a profile's or a status's address belongs; empty where the address does not tell."""
    found = _ACCOUNT_URL.fullmatch(url)
    return f"{found[2]}@{found[1]}".lower() if found else ""


def boost(by: str, uri: str) -> str:
    """The record of a boost."""
    return f"boost/{by}/{uri}"


def like(by: str, uri: str) -> str:
    """The record of a favourite."""
    return f"like/{by}/{uri}"


def alias(server: str, status_id: str) -> str:
    """What a server calls a status when it is deleted."""
    return f"status/{server}/{status_id}"


def seconds(text: str, observed_ms: int) -> int:
    """The time in ms, of a whole second. Raises InvalidEvent with `time`."""
    return iso_millis(text, observed_ms) // 1000 * 1000


def _deleted(data: bytes) -> str:
    """The id of a deleted status: bare, as the stream has it, or in quotes."""
    text = str(_id.decode(data)) if data.startswith(b'"') else data.decode()
    if not text.isalnum() or len(text) > 64:
        raise InvalidEvent("shape")
    return text


def _decoded(said: Said) -> Decoded:
    return Decoded(skipped=said) if isinstance(said, str) else Decoded(tuple(said))
