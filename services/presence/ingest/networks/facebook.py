"""Facebook: what happens to a page, as its webhooks tell it. Pure.

One frame is one change: the receiver takes a delivery apart. A reaction is known by who and to what, so that taking it back finds it.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Network, Object, TimeQuality, Verb
from presence.ingest.acts import Act, Decoded, Native, Retraction
from presence.ingest.decoding import guarded, in_range, required
from presence.ingest.frames import Frame
from presence.ingest.meaning import BY, TO, Meaning
from presence.ingest.networks.facebook_records import (
    Change,
    Delivery,
    Entry,
    Messaging,
    OneChange,
    OneMessaging,
    Value,
)
from presence.ingest.webhooks.hook import Letter

NETWORK = Network("facebook")
MESSENGER = "https://developers.facebook.com/docs/messenger-platform/reference/webhook-events/messages"
PAGE = "https://developers.facebook.com/docs/graph-api/webhooks/reference/page"
EXPORT = "https://www.facebook.com/help/212802592074644"


TABLE: Mapping[tuple[str, str], Meaning] = MappingProxyType(
    {
        ("post", "by"): Meaning(BY, Verb.CREATE, Object.NOTE, f"{PAGE}#feed"),
        ("post", "to"): Meaning(TO, Verb.MENTION, Object.NOTE, f"{PAGE}#feed"),
        ("share", "by"): Meaning(BY, Verb.ANNOUNCE, Object.NOTE, f"{PAGE}#feed"),
        ("share", "to"): Meaning(TO, Verb.ANNOUNCE, Object.NOTE, f"{PAGE}#feed"),
        ("comment", "by"): Meaning(BY, Verb.CREATE, Object.NOTE, f"{PAGE}#feed"),
        ("comment", "to"): Meaning(TO, Verb.CREATE, Object.NOTE, f"{PAGE}#feed"),
        ("reaction", "by"): Meaning(BY, Verb.LIKE, Object.NOTE, f"{PAGE}#feed"),
        ("reaction", "to"): Meaning(TO, Verb.LIKE, Object.NOTE, f"{PAGE}#feed"),
        ("follow", "by"): Meaning(BY, Verb.FOLLOW, Object.PAGE, f"{PAGE}#feed"),
        ("follow", "to"): Meaning(TO, Verb.FOLLOW, Object.PAGE, f"{PAGE}#feed"),
        ("mention", "by"): Meaning(BY, Verb.CREATE, Object.NOTE, f"{PAGE}#mention"),
        ("mention", "to"): Meaning(TO, Verb.MENTION, Object.NOTE, f"{PAGE}#mention"),
        ("review", "to"): Meaning(TO, Verb.REVIEW, Object.PAGE, f"{PAGE}#ratings"),
        ("message", "to"): Meaning(TO, Verb.MESSAGE, Object.PAGE, MESSENGER),
        # The export of a person, by name of its lists.
        ("friend", "by"): Meaning(BY, Verb.FOLLOW, Object.PROFILE, EXPORT),
        ("friend", "to"): Meaning(TO, Verb.FOLLOW, Object.PROFILE, EXPORT),
        ("request", "by"): Meaning(BY, Verb.INVITE, Object.PROFILE, EXPORT),
        ("request", "to"): Meaning(TO, Verb.INVITE, Object.PROFILE, EXPORT),
        ("event", "by"): Meaning(BY, Verb.CREATE, Object.EVENT, EXPORT),
        ("wrote", "to"): Meaning(TO, Verb.MESSAGE, Object.PROFILE, EXPORT),
        ("called", "to"): Meaning(TO, Verb.CALL, Object.PROFILE, EXPORT),
    }
)
POSTS: Mapping[str, Object] = MappingProxyType(
    {
        "status": Object.NOTE,
        "post": Object.NOTE,
        "link": Object.NOTE,
        "photo": Object.IMAGE,
        "album": Object.IMAGE,
        "video": Object.VIDEO,
        "event": Object.EVENT,
        "note": Object.ARTICLE,
    }
)
"""`item` of what is written on a page."""
DISLIKES = frozenset({"sorry", "sad", "anger", "angry"})
"""Reactions that are no appreciation."""
STARS: Mapping[str, int] = MappingProxyType({"POSITIVE": 5, "NEGATIVE": 1})
"""A recommendation stands where stars were until 2018: https://www.facebook.com/business/help/2043284865711855."""
NOT_A_PAGE = "not_a_page"
"""The kind of a frame that is of Instagram, WhatsApp or an app's own user, which the same address may get."""
UNSCORED, NO_ACTOR = "unscored", "no_actor"

_delivery = msgspec.json.Decoder(Delivery)
_one = msgspec.json.Decoder(OneChange)
_change = msgspec.json.Decoder(Change)
_value = msgspec.json.Decoder(Value)
_messaging = msgspec.json.Decoder(Messaging)


class Happening(NamedTuple):
    """One change. `by` is who did it, empty if Facebook does not say."""

    page: str
    by: str
    value: Value
    at_ms: int


def letters(body: bytes) -> list[Letter]:
    """A delivery as one frame for each change; one that cannot be taken apart as it is, for `decode` to refuse."""
    try:
        delivery = _delivery.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return [Letter(body)]
    if delivery.object != "page":
        return [Letter(body, NOT_A_PAGE)]
    return [
        Letter(msgspec.json.encode(OneChange(str(entry.id), entry.time, change)))
        for entry in delivery.entry
        for change in _changes(entry)
    ]


def _changes(entry: Entry) -> Iterator[msgspec.Raw]:
    yield from entry.changes
    for each in entry.messaging + entry.standby:
        yield msgspec.Raw(msgspec.json.encode(OneMessaging(each)))


def decode(frame: Frame, observed_ms: int) -> Decoded:
    """What one change says. Raises InvalidEvent: `json`, `shape`, `nesting`, `time`."""
    if frame.kind == NOT_A_PAGE:
        return Decoded(skipped=UNSCORED)
    with guarded():
        one = _one.decode(frame.data)
        change = _change.decode(one.change)
        if change.field == "messages":
            return _written_to(required(one.page), _messaging.decode(change.value), observed_ms)
        reader = _FIELDS.get(change.field)
        if reader is None:
            return Decoded(skipped=UNSCORED)
        value = _value.decode(change.value)
        by = str(
            (value.sender and value.sender.id) or value.sender_id or value.user_id or value.reviewer_id or ""
        )
        at_s = value.created_time or one.time // (1000 if one.time > 10**11 else 1)
        said = reader(Happening(required(one.page), by, value, in_range(at_s * 1000, observed_ms)))
        return Decoded(skipped=said) if isinstance(said, str) else Decoded(tuple(said))


Said = Iterator[Native] | str
"""Acts, or why there are none."""


def _written_to(page: str, event: Messaging, observed_ms: int) -> Decoded:
    """A message to the page; its sender is known by a number that holds for this page alone."""
    if event.message is None:
        return Decoded(skipped=UNSCORED)  # Read, delivered, reacted to, a button pressed.
    by = str(event.sender.id) if event.sender else ""
    if not by:
        return Decoded(skipped=NO_ACTOR)
    if event.message.is_echo or by == page:
        return Decoded(skipped="sent")
    record, link = f"message/{required(event.message.mid)[:200]}", f"https://www.facebook.com/{page}/inbox"
    at_ms = in_range(event.timestamp, observed_ms)
    return Decoded((act("message", "to", page, by, record=record, at_ms=at_ms, ref=link),))


def _fed(one: Happening) -> Said:
    item = one.value.item
    if item in POSTS or item == "share":
        return _posted(one)
    reader = _ITEMS.get(item)
    return UNSCORED if reader is None else reader(one)


def _posted(one: Happening) -> Said:
    record = f"post/{required(one.value.post_id)}"
    if one.value.verb == "remove":
        return iter((Retraction(one.by or one.page, record, "by"),))
    if one.value.published == 0:
        return "unpublished"
    kind = POSTS.get(one.value.item)
    return _both(one, "post" if kind else "share", record, kind=kind)


def _commented(one: Happening) -> Said:
    value = one.value
    record = f"comment/{required(value.comment_id)}"
    if value.verb == "remove":
        return iter((Retraction(one.by or one.page, record, "by"),))
    # Whose comment a page answers is not told: that it is somebody else's is, by its number, which is nobody's account.
    parent = value.parent_id if value.parent_id != value.post_id else None
    return _both(one, "comment", record, answers=(parent or one.page) if one.by == one.page else one.page)


def _reacted(one: Happening) -> Said:
    value = one.value
    if not one.by:
        return NO_ACTOR
    record = f"reaction/{value.comment_id or required(value.post_id)}/{one.by}"
    if value.verb == "remove":
        return iter((Retraction(one.by, record, "by"),))
    if (value.reaction_type or "like") in DISLIKES:
        return "other_reaction"
    return _both(one, "reaction", record, about_page=value.comment_id is None)


def _liked_page(one: Happening) -> Said:
    if not one.by:
        return NO_ACTOR
    record = f"follow/{one.page}/{one.by}"
    if one.value.verb == "remove":
        return iter((Retraction(one.by, record, "by"),))
    return _both(one, "follow", record)


def _mentioned(one: Happening) -> Said:
    value = one.value
    record = f"comment/{value.comment_id}" if value.comment_id else f"post/{required(value.post_id)}"
    if value.verb == "remove":
        return iter((Retraction(one.by, record, "by"),))
    return _both(one, "mention", record)


def _rated(one: Happening) -> Said:
    value = one.value
    if value.item not in {"", "rating"}:
        return UNSCORED  # A comment on a review, or a reaction to it.
    if not one.by:
        return NO_ACTOR
    record = f"review/{one.page}/{one.by}"
    if value.verb == "remove":
        return iter((Retraction(one.by, record, ""),))
    stars = value.rating or STARS.get(value.recommendation_type or "", 0)
    if not 1 <= stars <= 5:
        raise InvalidEvent("rating")
    link = f"https://www.facebook.com/{value.open_graph_story_id or one.page}"
    review = act("review", "to", one.page, one.by, record=record, at_ms=one.at_ms, ref=link)
    # An edited review replaces the old one.
    return iter((msgspec.structs.replace(review, rating=1000 * stars, version=f"{stars}/{one.at_ms}"),))


_ITEMS: Mapping[str, Callable[[Happening], Said]] = MappingProxyType(
    {"comment": _commented, "reaction": _reacted, "like": _liked_page}
)
_FIELDS: Mapping[str, Callable[[Happening], Said]] = MappingProxyType(
    {"feed": _fed, "mention": _mentioned, "ratings": _rated}
)


def _both(
    one: Happening,
    word: str,
    record: str,
    *,
    kind: Object | None = None,
    answers: str = "",
    about_page: bool = True,
) -> Iterator[Act] | str:
    """What somebody did on the page: theirs, and the page's if it is not the page itself."""
    if one.value.verb not in {"add", ""}:
        return "edited" if one.value.verb in {"edit", "edited", "update"} else UNSCORED
    if not one.by:
        return NO_ACTOR
    link = f"https://www.facebook.com/{one.value.post_id or one.page}"
    by = act(word, "by", one.by, one.by, record=record, at_ms=one.at_ms, ref=link, answers=answers)
    text = one.value.message or "" if by.verb == Verb.CREATE else ""
    acts = [msgspec.structs.replace(by, object=kind or by.object, text=text)]
    if one.by != one.page and about_page:
        acts.append(
            act(word, "to", one.page, one.by, record=record, at_ms=one.at_ms, ref=link, answers=answers)
        )
    return iter(acts)


def act(
    word: str,
    what: str,
    about: str,
    by: str,
    *,
    record: str,
    at_ms: int,
    ref: str,
    answers: str = "",
    quality: TimeQuality = TimeQuality.EXACT,
) -> Act:
    """The act that the table's row of `word` and `what` names."""
    meaning = TABLE[word, what]
    return Act(
        about=about,
        by=by,
        record=record,
        what=what,
        direction=meaning.direction,
        verb=meaning.verb,
        object=meaning.object,
        occurred_ms=at_ms,
        ref=ref,
        answers=answers,
        time_quality=quality,
    )
