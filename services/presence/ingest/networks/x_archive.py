"""X's archive: a zip or folder of `data/*.js`, each an array behind an assignment; of before 2018, `data/js/tweets/*.js`.

Likes, followers and those followed stand in it without a time. A like is dated by the day of what was liked, for most follow within
a day; a follow only counts, whenever it was.
"""

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import BinaryIO

import msgspec

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Gauge, Object, TimeQuality
from presence.ingest.acts import Decoded, Reading, Retraction
from presence.ingest.decoding import guarded, millis, required
from presence.ingest.exports.elements import elements, elements_inside
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.frames import Frame
from presence.ingest.networks import x
from presence.ingest.networks.x_records import Element, Message, Profile, Tweet

READ = (
    "tweets",
    "tweet",
    "community-tweet",
    "deleted-tweets",
    "deleted-tweet",
    "like",
    "follower",
    "following",
    "profile",
    "direct-messages",
)
KIND_OF: Mapping[str, str] = MappingProxyType({"tweet": "tweets", "deleted-tweet": "deleted-tweets"})
"""What a file was called once: what it is called now."""
MESSAGES = "direct-messages"
"""Its elements are conversations, its items their messages. Groups have a file of their own, which no score needs."""
SMALL_BYTES_MAX = 4 * 2**20
_PART = re.compile(r"(-part\d+)?\.js\Z", re.IGNORECASE)
_OLD_MONTH = re.compile(r"\d{4}_\d{2}\.js\Z")
_MEDIA: Mapping[str, Object] = MappingProxyType(
    {"photo": Object.IMAGE, "video": Object.VIDEO, "animated_gif": Object.VIDEO}
)

_element = msgspec.json.Decoder(Element)
_tweet = msgspec.json.Decoder(Tweet, strict=False)


def items(export: Export) -> Iterator[Item]:
    """Every element of the arrays that say something, as the bytes that stand in the file."""
    wanted = [pattern for name in READ for pattern in (f"{name}.js", f"{name}-part*.js")]
    yield from export.items(export.select(*wanted, "data/js/tweets/*.js"), _elements)


def owner(export: Export) -> str:
    """The number of the account, as the archive itself tells it."""
    for name, pattern in (
        ("account.js", rb'"accountId"\s*:\s*"(\d{1,20})"'),
        ("manifest.js", rb'"accountId"\s*:\s*"(\d{1,20})"'),
        ("user_details.js", rb'"id"\s*:\s*"?(\d{1,20})"?'),
    ):
        found = re.search(pattern, _small(export, name))
        if found:
            return found[1].decode()
    return ""


def declared(export: Export) -> Mapping[str, int]:
    """How many elements of each kind the manifest says there are."""
    text = _small(export, "manifest.js")
    try:
        manifest = msgspec.json.decode(
            text[text.find(b"{") :].rstrip(b"; \r\n"), type=_Manifest, strict=False
        )
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {}
    counts: Counter[str] = Counter()
    for data_type in manifest.data_types.values():
        for file in data_type.files:
            kind = _kind(file.name.rsplit("/", 1)[-1])
            if kind != MESSAGES and kind in {KIND_OF.get(each, each) for each in READ}:
                counts[kind] += file.count
    return counts


def decode(frame: Frame, account: str, observed_ms: int) -> Decoded:
    """What one element says. Raises InvalidEvent: `json`, `shape`, `nesting`, `time`, `mentions`."""
    with guarded():
        element = _element.decode(frame.data)
        if element.like is not None:
            return _liked(element.like.tweet_id, account, observed_ms)
        if element.follower is not None:
            return Decoded(tuple(x.followed(element.follower.account_id, account, observed_ms)))
        if element.following is not None:
            return Decoded(tuple(x.followed(account, element.following.account_id, observed_ms)))
        if element.profile is not None:
            return _presented(element.profile, account, observed_ms)
        if frame.kind == MESSAGES:
            return _written_to(element.message, account, observed_ms)
        return _tweeted(frame, _tweet.decode(bytes(element.tweet) or frame.data), account, observed_ms)


class _File(msgspec.Struct, frozen=True):
    name: str = msgspec.field(name="fileName", default="")
    count: int = 0


class _DataType(msgspec.Struct, frozen=True):
    files: tuple[_File, ...] = ()


class _Manifest(msgspec.Struct, frozen=True):
    data_types: dict[str, _DataType] = msgspec.field(name="dataTypes", default_factory=dict)


def _tweeted(frame: Frame, tweet: Tweet, account: str, observed_ms: int) -> Decoded:
    if frame.kind == "deleted-tweets" or tweet.deleted_at:
        return Decoded((Retraction(account, _record(tweet), "by"),))
    return Decoded(tuple(x.said(_written(tweet, account, observed_ms))))


def _written(tweet: Tweet, account: str, observed_ms: int) -> x.Written:
    record, text = _record(tweet), tweet.full_text or tweet.text
    mentions = (tweet.entities and tweet.entities.user_mentions) or ()
    named = x.explicit(mentions, _first_shown(tweet))
    answered = tweet.in_reply_to_user_id_str or str(tweet.in_reply_to_user_id or "")
    is_repost = tweet.retweeted_status is not None or (text.startswith("RT @") and not answered)
    reposted = ""
    if is_repost:
        user = (tweet.retweeted_status and tweet.retweeted_status.user) or (mentions[0] if mentions else None)
        reposted = x.mentioned(user) if user else ""
    return x.Written(
        record=record,
        author=account,
        at_ms=x.post_millis(record, _iso(tweet.created_at, observed_ms, record), observed_ms),
        object=Object.NOTE if answered else _media(tweet),
        reposted=reposted,
        is_repost=is_repost,
        answered=answered,
        mentioned=named,
        text=html.unescape(text),
    )


def _record(tweet: Tweet) -> str:
    """The number of the post, or of the first one if it was edited."""
    info = tweet.edit_info
    if info is not None and info.initial is not None and info.initial.edit_tweet_ids:
        return info.initial.edit_tweet_ids[0]
    first = info.edit.first if info is not None and info.edit is not None else None
    return first or tweet.id_str or required(str(tweet.id or ""))


def _iso(text: str, observed_ms: int, record: str) -> str | None:
    """The time of a post whose number holds none, as ISO 8601."""
    if int(record) >= x.SNOWFLAKE_FIRST:
        return None
    for pattern in ("%a %b %d %H:%M:%S %z %Y", "%Y-%m-%d %H:%M:%S %z"):
        try:
            at = datetime.strptime(text, pattern).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        millis(at, observed_ms)
        return at.isoformat()
    raise InvalidEvent("time")


def _liked(post: str, account: str, observed_ms: int) -> Decoded:
    at_ms, quality = observed_ms, TimeQuality.UNKNOWN
    if int(post) >= x.SNOWFLAKE_FIRST:
        at_ms, quality = x.post_millis(post, None, observed_ms), TimeQuality.DAY
    return Decoded(tuple(x.liked(account, post, "", at_ms, quality)))


def _written_to(message: Message | None, account: str, observed_ms: int) -> Decoded:
    if message is None:
        return Decoded(skipped=x.UNSCORED)  # A reaction, or who joined and left.
    if message.sender == account:
        return Decoded(skipped="sent")
    if message.recipient != account:
        return Decoded(skipped="group")
    return Decoded((x.wrote(message.sender, account, message.id, message.created_at, observed_ms),))


def _presented(profile: Profile, account: str, observed_ms: int) -> Decoded:
    about = profile.description
    told = (about.bio, about.location, about.website) if about else (None, None, None)
    value = x.completeness(*told, profile.avatar, profile.header)
    link = f"https://x.com/i/user/{account}"
    gauge = Gauge.PROFILE_COMPLETENESS
    record = f"profile/{account}/archive/{value}"
    return Decoded((Reading(account, record, gauge.name.lower(), gauge, value, observed_ms, link),))


def _first_shown(tweet: Tweet) -> int:
    shown = tweet.display_text_range
    return int(shown[0]) if shown else 0


def _media(tweet: Tweet) -> Object:
    entities = tweet.extended_entities or tweet.entities
    kinds = (each.type for each in (entities and entities.media) or ())
    return next((_MEDIA[kind] for kind in kinds if kind in _MEDIA), Object.NOTE)


def _elements(part: Part, file: BinaryIO) -> Iterator[Item]:
    kind = _kind(part.base)
    yield from elements_inside(file, kind, "messages") if kind == MESSAGES else elements(file, kind)


def _kind(base: str) -> str:
    if _OLD_MONTH.search(base):
        return "tweets"
    name = _PART.sub("", base).lower()
    return KIND_OF.get(name, name)


def _small(export: Export, name: str) -> bytes:
    """The beginning of the first file of this name; empty if there is none that can be read."""
    for part in export.find(name):
        try:
            with export.open(part) as file:
                return file.read(SMALL_BYTES_MAX)
        except InvalidEvent:
            continue
    return b""
