"""Networks that nobody has written yet: what an activity of ActivityStreams 2.0 says, whoever sends it. Pure: bytes in, acts out.

https://www.w3.org/TR/activitystreams-core/. An account is the id of an actor, an address that no other network can have, so that all of
them are one network to Presence, `other`. Beside the types of the standard stand the vocabulary's own words that it lacks.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Direction, Network, Object, Verb
from presence.ingest.acts import Act, Decoded, Native, Retraction
from presence.ingest.decoding import guarded, iso_millis, required
from presence.ingest.frames import Frame
from presence.ingest.reading import without_markup

NETWORK = Network("other")
VOCABULARY = "https://www.w3.org/TR/activitystreams-vocabulary"
EVENT_PROTO = "protos/presence/v1/event.proto"
TAGS_MAX = 500
STARS_MIN, STARS_MAX = 1.0, 5.0


class Meaning(NamedTuple):
    """What a type of activity is, and where that is said."""

    verb: Verb
    reference: str


TABLE: Mapping[str, Meaning] = MappingProxyType(
    {
        "Create": Meaning(Verb.CREATE, f"{VOCABULARY}/#dfn-create"),
        "Like": Meaning(Verb.LIKE, f"{VOCABULARY}/#dfn-like"),
        "Announce": Meaning(Verb.ANNOUNCE, f"{VOCABULARY}/#dfn-announce"),
        "Follow": Meaning(Verb.FOLLOW, f"{VOCABULARY}/#dfn-follow"),
        "Accept": Meaning(Verb.ACCEPT, f"{VOCABULARY}/#dfn-accept"),
        "Invite": Meaning(Verb.INVITE, f"{VOCABULARY}/#dfn-invite"),
        "View": Meaning(Verb.VIEW, f"{VOCABULARY}/#dfn-view"),
        "Join": Meaning(Verb.JOIN, f"{VOCABULARY}/#dfn-join"),
        "Endorse": Meaning(Verb.ENDORSE, EVENT_PROTO),
        "Star": Meaning(Verb.STAR, EVENT_PROTO),
        "Recommend": Meaning(Verb.RECOMMEND, EVENT_PROTO),
        "Review": Meaning(Verb.REVIEW, EVENT_PROTO),
    }
)
"""Each is one act by its actor, and one received by whom its object belongs to, or is."""
OBJECTS: Mapping[str, Object] = MappingProxyType(
    {
        "Note": Object.NOTE,  # VOCABULARY/#object-types
        "Question": Object.NOTE,
        "Article": Object.ARTICLE,
        "Image": Object.IMAGE,
        "Video": Object.VIDEO,
        "Event": Object.EVENT,
        "Page": Object.PAGE,
        "Profile": Object.PROFILE,
        "Person": Object.PROFILE,  # VOCABULARY/#actor-types
        "Organization": Object.PROFILE,
        "Group": Object.PROFILE,
        "Answer": Object.ANSWER,  # EVENT_PROTO
        "Repository": Object.REPOSITORY,
        "Review": Object.REVIEW,
    }
)
UNDO, DELETE, UPDATE = "Undo", "Delete", "Update"

Iri = Annotated[str, Meta(pattern=r"^[a-zA-Z][a-zA-Z0-9+.-]{0,30}:\S{1,1900}\Z")]


class Tag(msgspec.Struct, frozen=True):
    type: str = ""
    href: Iri | None = None


class Thing(msgspec.Struct, frozen=True, rename="camel"):
    """An actor or an object; what it answers may be told in full, to say whose it is."""

    id: Iri | None = None
    type: str = ""
    attributed_to: "Iri | Thing | None" = None
    in_reply_to: "Iri | Thing | None" = None
    tag: Sequence[Tag] = ()
    name: Any = None
    summary: Any = None
    content: Any = None


class Activity(msgspec.Struct, frozen=True):
    """`rating` is of a Review, in stars."""

    id: Iri
    type: str
    actor: Iri | Thing
    object: Iri | Thing
    published: str = ""
    rating: float | None = None


_activity = msgspec.json.Decoder(Activity)


def decode(frame: Frame, observed_ms: int) -> Decoded:
    """What one activity says.

    Raises InvalidEvent: `json`, `shape`, `nesting`, `time`, `unknown_type`, `rating`, `mentions`.
    """
    with guarded():
        one = _activity.decode(frame.data)
    by = _id(one.actor)
    if one.type == UPDATE:
        return Decoded(skipped="edited")
    if one.type == UNDO:
        return Decoded((Retraction(by, _id(one.object), "by"),))
    if one.type == DELETE:
        return Decoded((Retraction("", _id(one.object), ""),))
    if one.type not in TABLE:
        raise InvalidEvent("unknown_type")
    return Decoded(tuple(_acts(one, by, iso_millis(one.published, observed_ms))))


def _acts(one: Activity, by: str, at_ms: int) -> Iterator[Native]:
    thing = one.object if isinstance(one.object, Thing) else Thing(id=one.object)
    verb, found = TABLE[one.type].verb, OBJECTS.get(thing.type, Object.UNSPECIFIED)
    answered = _owner(thing.in_reply_to)
    about = answered if verb == Verb.CREATE else _owner(thing)
    rating = _thousandths(one.rating) if verb == Verb.REVIEW else 0
    alias = thing.id or "" if verb == Verb.CREATE else ""

    def act(what: str, whose: str, does: Verb = verb) -> Act:
        return Act(
            about=whose,
            by=by,
            record=one.id,
            what=what,
            direction=Direction.BY if what == "by" else Direction.TO,
            verb=does,
            object=found,
            occurred_ms=at_ms,
            ref=one.id,
            answers=answered,
            rating=rating if what == "to" else 0,
            alias=alias,
            text=_text(thing) if what == "by" and verb == Verb.CREATE else "",
        )

    yield act("by", by)
    if about not in {"", by}:
        yield act("to", about)
    for each in _mentioned(thing):
        if each not in {by, about}:
            yield act("mention", each, Verb.MENTION)


def _mentioned(thing: Thing) -> Iterator[str]:
    named = dict.fromkeys(each.href for each in thing.tag if each.type == "Mention" and each.href)
    if len(named) > TAGS_MAX:
        raise InvalidEvent("mentions")
    yield from named


def _text(thing: Thing) -> str:
    """What a thing says, whatever form its parts have."""
    parts = (thing.name, thing.summary, thing.content)
    return without_markup("\n".join(part for part in parts if isinstance(part, str)))


def _owner(thing: str | Thing | None) -> str:
    """Whose a thing is: whom it is attributed to, or itself, if it is somebody; empty if that is not told."""
    if not isinstance(thing, Thing):
        return thing or ""
    if thing.attributed_to is not None:
        return _id(thing.attributed_to)
    return thing.id or ""


def _id(thing: str | Thing) -> str:
    return required(thing if isinstance(thing, str) else thing.id)


def _thousandths(stars: float | None) -> int:
    if stars is None or not STARS_MIN <= stars <= STARS_MAX:
        raise InvalidEvent("rating")
    return round(stars * 1000)
