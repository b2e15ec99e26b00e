"""A person's export in JSON: lists in files, in the three layouts that there have been since 2018, in a zip or unpacked.

Text is UTF-8 that was taken for Latin-1 on its way, and is repaired. Nothing in it has a number: an entry is known by its second
and a hash of its text, people by their names; so two exports of the same life, whatever their layout, give the same ids.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO

import msgspec

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Object, TimeQuality
from presence.ingest.acts import Act, Decoded, Native, Retraction
from presence.ingest.decoding import guarded, in_range, required
from presence.ingest.exports.elements import elements
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.frames import Frame
from presence.ingest.networks import facebook, facebook_messages
from presence.ingest.networks.facebook_records import Attached, Listed
from presence.ingest.networks.facebook_text import hashed, repaired

READ = (
    "your_posts*.json",
    "profile_posts*.json",
    "posts_on_other_pages_and_profiles.json",
    "other_people's_posts_to_your_timeline.json",
    "comments.json",
    "comments_*.json",
    "your_comments_in_groups.json",
    "group_posts_and_comments.json",
    "your_posts_in_groups.json",
    "your_posts_and_comments_in_groups.json",
    "likes_and_reactions*.json",
    "posts_and_comments.json",
    "friends/friends.json",
    "friends_and_followers/friends.json",
    "your_friends.json",
    "removed_friends.json",
    "received_friend_requests.json",
    "friend_requests_received.json",
    "sent_friend_requests.json",
    "friend_requests_sent.json",
    "followers.json",
    "people_who_followed_you.json",
    "following.json",
    "who_you*ve_followed.json",
    "who_you_follow.json",
    "likes_and_reactions/pages.json",
    "pages_you*ve_liked.json",
    "pages_and_profiles_you_follow.json",
    "pages_you_follow.json",
    "pages_and_profiles_you*ve_unfollowed.json",
    "pages_you*ve_unfollowed.json",
    "unfollowed_pages.json",
    "events/your_events.json",
)
"""What says something; photos and videos stand in the posts too."""
OTHERS = "somebody else"
"""Whom a comment answers: the export tells it in a sentence, in the language of the person."""
OWN = re.compile(r"\b(?:his|her|their|your) own\b")
LINK = "https://www.facebook.com/"
_VERSION = re.compile(r"_v\d+\Z")
_FILE_NUMBER = re.compile(r"(_\d+)?\.json\Z", re.IGNORECASE)
_VIDEO = re.compile(r"\.(?:mp4|mov|avi|webm|m4v|3gp)\Z", re.IGNORECASE)

_listed = msgspec.json.Decoder(Listed, strict=False)


def items(export: Export) -> Iterator[Item]:
    """Every entry of the lists that say something, as the bytes that stand in the file."""
    yield from export.items(export.select(*READ), _elements)
    yield from facebook_messages.items(export)


def decode(frame: Frame, account: str, observed_ms: int) -> Decoded:
    """What one entry says. Raises InvalidEvent: `json`, `shape`, `nesting`, `time`."""
    if frame.kind in facebook_messages.KINDS:
        return facebook_messages.decode(frame, account, observed_ms)
    reader = _LISTS.get(_list_of(frame.kind))
    if reader is None:
        return Decoded(skipped=facebook.UNSCORED)
    with guarded():
        entry = _listed.decode(frame.data)
        said = reader(entry, account, observed_ms)
        return Decoded(skipped=said) if isinstance(said, str) else Decoded(tuple(said))


Said = Iterator[Native] | str
"""Acts, or why there are none."""


def _post(entry: Listed, account: str, observed_ms: int) -> Said:
    text = next((datum.post for datum in entry.data or () if datum.post), "") or _labelled(entry)
    attached = [each for attachment in entry.attachments or () for each in attachment.data or ()]
    if not text and not attached and not entry.title:
        return "empty"
    at_ms = _time(entry, observed_ms)
    media = "".join(each.media.uri or "" for each in attached if each.media)
    record = f"post/{at_ms // 1000}/{hashed(text or media or entry.title or '')}"
    act = facebook.act("post", "by", account, account, record=record, at_ms=at_ms, ref=LINK)
    return iter((msgspec.structs.replace(act, object=_object(attached), text=repaired(text)),))


def _comment(entry: Listed, account: str, observed_ms: int) -> Said:
    text = next((each.comment.comment or "" for each in entry.data or () if each.comment), "") or _labelled(
        entry
    )
    at_ms = _time(entry, observed_ms)
    record = f"comment/{at_ms // 1000}/{hashed(text)}"
    answers = account if OWN.search(entry.title or "") else OTHERS
    act = facebook.act(
        "comment", "by", account, account, record=record, at_ms=at_ms, ref=LINK, answers=answers
    )
    return iter((msgspec.structs.replace(act, text=repaired(text)),))


def _reaction(entry: Listed, account: str, observed_ms: int) -> Said:
    kinds = [each.reaction.reaction or "" for each in entry.data or () if each.reaction]
    kinds += _values(entry, "Reaction")
    if any(kind.lower() in facebook.DISLIKES for kind in kinds):
        return "other_reaction"
    at_ms = _time(entry, observed_ms)
    record = f"reaction/{at_ms // 1000}/{hashed(entry.title or _labelled(entry))}"
    return iter((facebook.act("reaction", "by", account, account, record=record, at_ms=at_ms, ref=LINK),))


def _wall(entry: Listed, account: str, observed_ms: int) -> Said:
    by = f"wrote:{repaired(required(entry.title))}"
    at_ms = _time(entry, observed_ms)
    record = f"wall/{at_ms // 1000}/{hashed(by)}"
    return iter((facebook.act("post", "to", account, by, record=record, at_ms=at_ms, ref=LINK),))


def _friend(entry: Listed, account: str, observed_ms: int) -> Said:
    """Friends follow each other, as long as neither stops it."""
    return iter(
        (
            _with_name("friend", "by", entry, account, observed_ms),
            _with_name("friend", "to", entry, account, observed_ms),
        )
    )


def _follower(entry: Listed, account: str, observed_ms: int) -> Said:
    return iter((_with_name("friend", "to", entry, account, observed_ms),))


def _following(entry: Listed, account: str, observed_ms: int) -> Said:
    return iter((_with_name("friend", "by", entry, account, observed_ms),))


def _unfriended(entry: Listed, account: str, _observed_ms: int) -> Said:
    return iter((Retraction(account, f"friend/{hashed(_name(entry))}", "by"),))


def _received_request(entry: Listed, account: str, observed_ms: int) -> Said:
    return iter((_with_name("request", "to", entry, account, observed_ms),))


def _sent_request(entry: Listed, account: str, observed_ms: int) -> Said:
    return iter((_with_name("request", "by", entry, account, observed_ms),))


def _page(entry: Listed, account: str, observed_ms: int) -> Said:
    return iter((_with_name("follow", "by", entry, account, observed_ms),))


def _unfollowed(entry: Listed, account: str, _observed_ms: int) -> Said:
    return iter((Retraction(account, f"follow/{hashed(_name(entry))}", "by"),))


def _event(entry: Listed, account: str, observed_ms: int) -> Said:
    return iter((_with_name("event", "by", entry, account, observed_ms),))


_LISTS: Mapping[str, Callable[[Listed, str, int], Said]] = MappingProxyType(
    {
        "status_updates": _post,
        "your_posts": _post,
        "your_posts__check_ins__photos_and_videos": _post,
        "profile_posts": _post,
        "posts_on_other_pages_and_profiles": _post,
        "group_posts": _post,
        "wall_posts_sent_to_you": _wall,
        "other_people's_posts_to_your_timeline": _wall,
        "comments": _comment,
        "group_comments": _comment,
        "reactions": _reaction,
        "likes_and_reactions": _reaction,
        "friends": _friend,
        "your_friends": _friend,
        "people_who_followed_you": _follower,
        "received_friend_requests": _received_request,
        "sent_friend_requests": _sent_request,
        "deleted_friends": _unfriended,
        "followers": _follower,
        "following": _following,
        "received_requests": _received_request,
        "sent_requests": _sent_request,
        "page_likes": _page,
        "pages_followed": _page,
        "pages_unfollowed": _unfollowed,
        "your_events": _event,
    }
)
"""What a list is called, in its file or as its file."""


def _with_name(word: str, what: str, entry: Listed, account: str, observed_ms: int) -> Act:
    """An act that names whom it concerns. Followers have no time; they count whenever it was."""
    name = _name(entry)
    has_time = bool(entry.timestamp or entry.create_timestamp)
    at_ms = _time(entry, observed_ms) if has_time else observed_ms
    moment = f"/{at_ms // 1000}" if word in {"request", "event"} else ""
    return facebook.act(
        word,
        what,
        account,
        f"name:{name}" if what == "to" else account,
        record=f"{word}/{hashed(name)}{moment}",
        at_ms=at_ms,
        ref=LINK,
        quality=TimeQuality.EXACT if has_time else TimeQuality.UNKNOWN,
    )


def _name(entry: Listed) -> str:
    inner = [each.name for each in entry.data or () if each.name] + _values(entry, "Name")
    # Labels are in the language of the person: where none is called so, the first thing that is said is the name.
    said = [each.value for each in entry.label_values or () if isinstance(each.value, str) and each.value]
    return repaired(required(entry.name or next(iter(inner + said), None) or entry.title))


def _values(entry: Listed, label: str) -> list[str]:
    return [
        each.value for each in entry.label_values or () if each.label == label and isinstance(each.value, str)
    ]


def _time(entry: Listed, observed_ms: int) -> int:
    at_s = entry.timestamp or entry.create_timestamp
    if at_s is None:
        raise InvalidEvent("time")
    return in_range(at_s * 1000, observed_ms)


def _labelled(entry: Listed) -> str:
    return "\n".join(f"{each.label}={each.value}" for each in entry.label_values or ())


def _object(attached: list[Attached]) -> Object:
    for each in attached:
        if each.media is not None:
            return Object.VIDEO if _VIDEO.search(each.media.uri or "") else Object.IMAGE
        if bytes(each.note):
            return Object.ARTICLE
    return Object.NOTE


def _elements(part: Part, file: BinaryIO) -> Iterator[Item]:
    yield from elements(file, part.base)


def _list_of(kind: str) -> str:
    """`friends` of `your_friends.json/friends_v2`; `your_posts` of `your_posts_1.json`."""
    base, _, key = kind.partition("/")
    return _VERSION.sub("", key) if key else _FILE_NUMBER.sub("", base).lower()
