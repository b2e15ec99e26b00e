"""X: what the events of its Activity API mean. Pure.

A post's number holds the millisecond of its making, so that a live event and the archive give the same time, though the archive
tells seconds only. An edited post is the post that it was first. A follow and a like are known by who and whom or what: neither
API nor archive have a number for them in common.
"""

import html
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Gauge, Network, Object, TimeQuality, Verb
from presence.ingest.acts import Act, Decoded, Native, Reading, Retraction
from presence.ingest.decoding import guarded, in_range, iso_millis, required
from presence.ingest.frames import Frame
from presence.ingest.meaning import BY, TO, Meaning
from presence.ingest.networks.x_records import (
    Activity,
    Chat,
    Deleted,
    Directs,
    Envelope,
    Filter,
    Follow,
    Includes,
    Like,
    Mention,
    Post,
    Show,
    User,
)

NETWORK = Network("x")
EVENTS = "https://docs.x.com/x-api/activity/event-payloads"


TABLE: Mapping[tuple[str, str], Meaning] = MappingProxyType(
    {
        ("post", "by"): Meaning(BY, Verb.CREATE, Object.NOTE, f"{EVENTS}#post-create"),
        ("post", "reply"): Meaning(TO, Verb.CREATE, Object.NOTE, f"{EVENTS}#post-reply-create"),
        ("post", "mention"): Meaning(TO, Verb.MENTION, Object.NOTE, f"{EVENTS}#post-mention-create"),
        ("post", "quote"): Meaning(TO, Verb.QUOTE, Object.NOTE, f"{EVENTS}#post-quote-create"),
        ("repost", "by"): Meaning(BY, Verb.ANNOUNCE, Object.NOTE, f"{EVENTS}#post-create"),
        ("repost", "to"): Meaning(TO, Verb.ANNOUNCE, Object.NOTE, f"{EVENTS}#post-repost-create"),
        ("like", "by"): Meaning(BY, Verb.LIKE, Object.NOTE, f"{EVENTS}#like-create"),
        ("like", "to"): Meaning(TO, Verb.LIKE, Object.NOTE, f"{EVENTS}#like-create"),
        ("follow", "by"): Meaning(BY, Verb.FOLLOW, Object.PROFILE, f"{EVENTS}#follow-follow"),
        ("follow", "to"): Meaning(TO, Verb.FOLLOW, Object.PROFILE, f"{EVENTS}#follow-follow"),
        ("message", "to"): Meaning(TO, Verb.MESSAGE, Object.PROFILE, f"{EVENTS}#dm-received"),
        ("chat", "to"): Meaning(TO, Verb.MESSAGE, Object.PROFILE, f"{EVENTS}#chat-received"),
        ("profile", "by"): Meaning(BY, Verb.UPDATE, Object.PROFILE, f"{EVENTS}#profile-update-bio"),
        ("space", "by"): Meaning(BY, Verb.CREATE, Object.EVENT, f"{EVENTS}#spaces-start"),
        ("broadcast", "by"): Meaning(BY, Verb.CREATE, Object.VIDEO, f"{EVENTS}#broadcast-start"),
    }
)
MENTIONS_MAX = 50
"""What X itself allows in a post; more is no post."""
SNOWFLAKE_FIRST = 29_700_859_247
"""The first post whose number holds a time, of November 2010."""
SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
_MEDIA: Mapping[str, Object] = MappingProxyType(
    {"3": Object.IMAGE, "7": Object.VIDEO, "13": Object.VIDEO, "16": Object.VIDEO}
)
"""What a media key begins with: https://docs.x.com/x-api/fundamentals/data-dictionary#media."""
UNSCORED = "unscored"

_envelope = msgspec.json.Decoder(Envelope)
_post = msgspec.json.Decoder(Post)
_deleted = msgspec.json.Decoder(Deleted)
_like = msgspec.json.Decoder(Like)
_follow = msgspec.json.Decoder(Follow)
_directs = msgspec.json.Decoder(Directs)
_chat = msgspec.json.Decoder(Chat)
_show = msgspec.json.Decoder(Show)


class Written(NamedTuple):
    """A post, whichever way it came. Whom it concerns is an account, or empty."""

    record: str
    author: str
    at_ms: int
    object: Object
    reposted: str = ""
    is_repost: bool = False
    answered: str = ""
    quoted: str = ""
    mentioned: tuple[str, ...] = ()
    text: str = ""


def decode(frame: Frame, observed_ms: int) -> Decoded:
    """What a line of the stream, or a webhook's body, says.

    Raises InvalidEvent: `json`, `shape`, `nesting`, `time`, `mentions`.
    """
    with guarded():
        envelope = _envelope.decode(frame.data)
        if envelope.data is None:
            if envelope.errors is None:
                raise InvalidEvent("shape")
            return Decoded(skipped="stream_error")
        event = envelope.data
        read = _READERS.get(event.event_type)
        if read is None and event.event_type.startswith("profile.update."):
            read = _presented
        return Decoded(skipped=UNSCORED) if read is None else read(event, observed_ms)


def said(written: Written) -> Iterator[Native]:
    """The acts of a post."""
    if written.is_repost:
        yield _of_post(written, "repost", written.author, "by")
        if written.reposted and written.reposted != written.author:
            yield _of_post(written, "repost", written.reposted, "to")
        return
    yield _of_post(written, "post", written.author, "by")
    for whom, what in ((written.answered, "reply"), (written.quoted, "quote")):
        if whom and whom != written.author:
            yield _of_post(written, "post", whom, what)
    for whom in dict.fromkeys(written.mentioned):
        if whom not in {written.author, written.answered}:
            yield _of_post(written, "post", whom, "mention")


def followed(by: str, whom: str, observed_ms: int) -> Iterator[Act]:
    """That `by` follows `whom`; X never says since when."""
    record, link = f"follow/{by}/{whom}", f"https://x.com/i/user/{whom}"
    yield _act(
        "follow", by, by, "by", record=record, at_ms=observed_ms, ref=link, quality=TimeQuality.UNKNOWN
    )
    if whom != by:
        yield _act(
            "follow", whom, by, "to", record=record, at_ms=observed_ms, ref=link, quality=TimeQuality.UNKNOWN
        )


def liked(by: str, post: str, whose: str, at_ms: int, quality: TimeQuality) -> Iterator[Act]:
    """That `by` likes a post of `whose`, which may be empty."""
    record, link = f"like/{by}/{post}", f"https://x.com/i/status/{post}"
    yield _act("like", by, by, "by", record=record, at_ms=at_ms, ref=link, quality=quality)
    if whose and whose != by:
        yield _act("like", whose, by, "to", record=record, at_ms=at_ms, ref=link, quality=quality)


def wrote(by: str, whom: str, message: str, created_at: str | None, observed_ms: int) -> Act:
    """That `whom` got a direct message, whose number holds its time as a post's does."""
    at_ms, link = post_millis(message, created_at, observed_ms), f"https://x.com/messages/{whom}-{by}"
    return _act("message", whom, by, "to", record=f"message/{message}", at_ms=at_ms, ref=link)


def completeness(*parts: str | None) -> int:
    """Percent of the five parts of a profile that are filled."""
    assert len(parts) == 5
    return 20 * sum(bool(part) for part in parts)


def post_millis(post: str, created_at: str | None, observed_ms: int) -> int:
    """When a post was made: by its number, or for old ones by what is said. Raises InvalidEvent with `time`."""
    number = int(post)
    if number >= SNOWFLAKE_FIRST:
        return in_range((number >> 22) + SNOWFLAKE_EPOCH_MS, observed_ms)
    return iso_millis(required(created_at), observed_ms)


def explicit(mentions: tuple[Mention, ...] | None, first_shown: int) -> tuple[str, ...]:
    """Who is named in the text itself; who stands before it only inherits the reply. Raises InvalidEvent with `mentions`."""
    if mentions is not None and len(mentions) > MENTIONS_MAX:
        raise InvalidEvent("mentions")
    starts = ((each, int(each.indices[0]) if each.indices else each.start) for each in mentions or ())
    return tuple(who for each, start in starts if start >= first_shown and (who := mentioned(each)))


def mentioned(mention: Mention) -> str:
    """Who is named; empty if the account is gone."""
    who = mention.id_str or str(mention.id or "")
    return who if who.isdecimal() else ""


def _posted(event: Activity, observed_ms: int) -> Decoded:
    post = _post.decode(event.payload)
    record = post.edit_history_tweet_ids[0] if post.edit_history_tweet_ids else post.id
    referenced = {each.type: each.id for each in post.referenced_tweets or ()}
    subject = event.filter.user_id or "" if event.filter else ""
    is_repost = "retweeted" in referenced
    authors = {each.id: each.author_id or "" for each in (event.includes and event.includes.tweets) or ()}
    mentions = post.entities.mentions if post.entities else None
    first_shown = post.display_text_range[0] if post.display_text_range else 0
    reposted = authors.get(referenced.get("retweeted"), "")
    if event.event_type == "post.repost.create":
        reposted = subject
    elif is_repost and not reposted and mentions:
        reposted = mentioned(mentions[0])
    written = Written(
        record=record,
        author=post.author_id,
        at_ms=post_millis(record, post.created_at, observed_ms),
        object=Object.NOTE if post.in_reply_to_user_id else _media(post),
        reposted=reposted,
        is_repost=is_repost,
        answered=post.in_reply_to_user_id or "",
        quoted=subject
        if event.event_type == "post.quote.create"
        else authors.get(referenced.get("quoted"), ""),
        mentioned=explicit(mentions, first_shown),
        text=html.unescape((post.note_tweet and post.note_tweet.text) or post.text or ""),
    )
    return _with_readings(event, record, written.at_ms, said(written))


def _removed(event: Activity, _observed_ms: int) -> Decoded:
    deleted = _deleted.decode(event.payload)
    return Decoded((Retraction(deleted.author_id, deleted.id, "by"),))


def _liked(event: Activity, observed_ms: int) -> Decoded:
    like, chosen = _like.decode(event.payload), event.filter or Filter()
    whose = like.liked_tweet_author_id or ""
    outbound = chosen.direction == "outbound" or (chosen.direction is None and chosen.user_id != whose)
    by = chosen.user_id if outbound else _other(event.includes, whose)
    if not by:
        return Decoded(skipped="no_actor")
    at_ms, quality = observed_ms, TimeQuality.UNKNOWN
    if like.timestamp_ms is not None:
        at_ms, quality = in_range(_whole(like.timestamp_ms), observed_ms), TimeQuality.EXACT
    return Decoded(tuple(liked(by, like.liked_tweet_id, whose, at_ms, quality)))


def _followed(event: Activity, observed_ms: int) -> Decoded:
    follow = _follow.decode(event.payload)
    by, whom = _id(follow.source), _id(follow.target)
    if event.event_type == "follow.unfollow":
        return Decoded((Retraction(by, f"follow/{by}/{whom}", "by"),))
    return Decoded(tuple(followed(by, whom, observed_ms)))


def _written_to(event: Activity, observed_ms: int) -> Decoded:
    told = ((each.id, each.message_create) for each in _directs.decode(event.payload).direct_message_events)
    acts = [
        wrote(between.sender_id, whom, message, None, observed_ms)
        for message, between in told
        if between
        and (whom := (between.target and between.target.recipient_id) or "") != between.sender_id
        and whom
    ]
    return Decoded(tuple(acts), "" if acts else UNSCORED)


def _chatted(event: Activity, observed_ms: int) -> Decoded:
    chat, whom = _chat.decode(event.payload), required(event.filter.user_id if event.filter else None)
    if ":" not in chat.conversation_id:
        return Decoded(skipped="group")
    if chat.sender_id == whom:
        return Decoded(skipped="sent")
    at_ms = in_range(_whole(chat.created_at_msec), observed_ms)
    record, link = f"message/{chat.id[:100]}", f"https://x.com/i/chat/{chat.conversation_id[:100]}"
    return Decoded((_act("chat", whom, chat.sender_id, "to", record=record, at_ms=at_ms, ref=link),))


def _presented(event: Activity, observed_ms: int) -> Decoded:
    if event.event_type.endswith("_badge"):
        return Decoded(skipped=UNSCORED)  # X gives it; nobody does anything.
    by = required(event.filter.user_id if event.filter else None)
    record = f"profile/{by}/{required(event.event_uuid)[:100]}"
    link = f"https://x.com/i/user/{by}"
    act = _act(
        "profile", by, by, "by", record=record, at_ms=observed_ms, ref=link, quality=TimeQuality.UNKNOWN
    )
    return _with_readings(event, record, observed_ms, iter((act,)))


def _showed(event: Activity, observed_ms: int) -> Decoded:
    show = _show.decode(event.payload)
    by = _id(show.user) if show.user else required(event.filter.user_id if event.filter else None)
    word = event.event_type.partition(".")[0].removesuffix("s")
    record, link = f"{word}/{show.broadcast_id[:100]}", f"https://x.com/i/{word}s/{show.broadcast_id[:100]}"
    return Decoded(
        (_act(word, by, by, "by", record=record, at_ms=observed_ms, ref=link, quality=TimeQuality.UNKNOWN),)
    )


_READERS: Mapping[str, Callable[[Activity, int], Decoded]] = MappingProxyType(
    {
        "post.create": _posted,
        "post.mention.create": _posted,
        "post.reply.create": _posted,
        "post.quote.create": _posted,
        "post.repost.create": _posted,
        "post.delete": _removed,
        "like.create": _liked,
        "follow.follow": _followed,
        "follow.unfollow": _followed,
        "dm.received": _written_to,
        "chat.received": _chatted,
        "spaces.start": _showed,
        "broadcast.start": _showed,
    }
)


def _with_readings(event: Activity, record: str, at_ms: int, acts: Iterator[Native]) -> Decoded:
    """The acts, and what the event shows in passing of the one whom it was subscribed for."""
    natives = list(acts)
    whose = event.filter.user_id if event.filter else None
    users = (each.data or each for each in (event.includes and event.includes.users) or ())
    user = next((each for each in users if whose and each.id == whose), None)
    if user is not None and whose is not None:
        filled = completeness(
            user.description, user.location, user.url, user.profile_image_url, user.profile_banner_url
        )
        shown = [(Gauge.PROFILE_COMPLETENESS, filled)]
        if user.public_metrics and user.public_metrics.followers_count is not None:
            shown.append((Gauge.FOLLOWERS, user.public_metrics.followers_count))
        link = f"https://x.com/i/user/{whose}"
        natives += [
            Reading(whose, record, gauge.name.lower(), gauge, value, at_ms, link) for gauge, value in shown
        ]
    return Decoded(tuple(natives))


def _of_post(written: Written, word: str, about: str, what: str) -> Act:
    link = f"https://x.com/i/status/{written.record}"
    act = _act(word, about, written.author, what, record=written.record, at_ms=written.at_ms, ref=link)
    kind = written.object if what in {"by", "quote"} and word == "post" else act.object
    text = written.text if (word, what) == ("post", "by") else ""
    return msgspec.structs.replace(act, object=kind, answers=written.answered, text=text)


def _act(
    word: str,
    about: str,
    by: str,
    what: str,
    *,
    record: str,
    at_ms: int,
    ref: str,
    quality: TimeQuality = TimeQuality.EXACT,
) -> Act:
    meaning = TABLE[word, what]
    return Act(
        about,
        by,
        record,
        what,
        meaning.direction,
        meaning.verb,
        meaning.object,
        at_ms,
        ref,
        time_quality=quality,
    )


def _media(post: Post) -> Object:
    keys = (post.attachments and post.attachments.media_keys) or ()
    return next((_MEDIA[kind] for key in keys if (kind := key.partition("_")[0]) in _MEDIA), Object.NOTE)


def _other(includes: Includes | None, whose: str) -> str:
    """The only user of the event who is not `whose`; empty if there is no such one."""
    ids = {(each.data or each).id for each in (includes and includes.users) or ()} - {whose, None}
    return next(iter(ids)) or "" if len(ids) == 1 else ""


def _id(user: User) -> str:
    return required(user.data.id if user.data else user.id)


def _whole(number: str | int) -> int:
    try:
        return int(number)
    except ValueError as error:
        raise InvalidEvent("time") from error
