"""The Member Changelog API: what one element says. Pure: bytes in, acts out.

https://learn.microsoft.com/en-us/linkedin/dma/member-data-portability/shared/member-changelog-api. It tells what a member did; what
they received is only in the export, and names people in a way of its own there.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from presence.events.errors import InvalidEvent
from presence.ingest.acts import Act, Decoded, Retraction
from presence.ingest.networks import linkedin

ONLY_IN_EXPORT = frozenset(
    {
        "invitations",
        "messages",
        "conversations",
        "messaging/conversations",
        "people/endorsements",
        "recommendations",
    }
)
_CREATED, _DELETED = frozenset({"CREATE", "ACTION"}), frozenset({"DELETE"})


class Time(msgspec.Struct, frozen=True):
    time: int = 0


class Activity(msgspec.Struct, frozen=True, rename="camel"):
    """What of the resource's own record is read."""

    id: str | int = ""
    object: str = ""
    root: str = ""
    created: Time | int | None = None
    published_at: int = 0
    permalink: str = ""
    commentary: Any = None
    message: Any = None
    specific_content: Any = None


class Change(msgspec.Struct, frozen=True, rename="camel"):
    """One element."""

    owner: str
    resource_name: str
    method: str
    actor: str = ""
    resource_id: str | int = ""
    resource_uri: str = ""
    captured_at: int = 0
    activity_status: str = "SUCCESS"
    activity: Activity | None = None


_change = msgspec.json.Decoder(Change)


def decode(data: bytes, observed_ms: int) -> Decoded:
    """What one element of the changelog says.

    Raises InvalidEvent: `json`, `shape` (a field is missing or of another type), `time` (out of the log's range).
    """
    try:
        change = _change.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidEvent("shape") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidEvent("json") from error
    if change.resource_name in ONLY_IN_EXPORT:
        return Decoded(skipped="only_in_export")
    read = _READERS.get(change.resource_name)
    if read is None:
        return Decoded(skipped="unscored")
    if change.activity_status not in {"SUCCESS", ""}:
        return Decoded(skipped="failed")
    if change.method not in _CREATED | _DELETED:
        return Decoded(skipped="edited")
    if change.actor and change.actor != change.owner:
        return Decoded(skipped="of_another")
    found = read(change, observed_ms)
    return Decoded(skipped=found) if isinstance(found, str) else Decoded((found,))


def _posted(change: Change, observed_ms: int) -> Act | Retraction | str:
    number = _number(change)
    if change.method in _DELETED:
        return Retraction(change.owner, f"post/{number}", "by")
    act = linkedin.posted(number, change.owner, _made_ms(change), observed_ms)
    return msgspec.structs.replace(act, text=_text(change))


def _reposted(change: Change, observed_ms: int) -> Act | Retraction | str:
    activity = change.activity or Activity()
    number = linkedin.post_id(
        activity.root or activity.object or f"{change.resource_id} {change.resource_uri}"
    )
    if not number:
        raise InvalidEvent("shape")
    if change.method in _DELETED:
        return Retraction(change.owner, f"repost/{number}", "by")
    return linkedin.reposted(number, change.owner, _made_ms(change), observed_ms)


def _commented(change: Change, observed_ms: int) -> Act | Retraction | str:
    activity = change.activity or Activity()
    post = linkedin.post_id(activity.object or change.resource_uri)
    number = str(activity.id or change.resource_id)
    number = linkedin.comment_id(number) or number
    made_ms = linkedin.id_millis(number)
    if not post or not (made_ms or activity.created):
        raise InvalidEvent("shape")
    if change.method in _DELETED:
        return Retraction(change.owner, linkedin.comment_record(post, made_ms), "by")
    act = linkedin.commented(post, number, change.owner, _made_ms(change), observed_ms)
    return msgspec.structs.replace(act, text=_text(change))


def _reacted(change: Change, observed_ms: int) -> Act | Retraction | str:
    activity = change.activity or Activity()
    named = activity.object or activity.root or f"{change.resource_id} {change.resource_uri}"
    thing = linkedin.comment_id(named) or linkedin.post_id(named)
    if not thing:
        raise InvalidEvent("shape")
    if change.method in _DELETED:
        return Retraction(change.owner, f"reaction/{thing}", "by")
    return linkedin.reacted(thing, change.owner, _made_ms(change), observed_ms)


def _wrote(change: Change, observed_ms: int) -> Act | Retraction | str:
    activity = change.activity or Activity()
    if change.method in _DELETED:
        return "article_deleted"  # By its number alone, which the export does not know.
    if not activity.published_at:
        return "draft"
    # The export tells the minute.
    at_ms = activity.published_at // 60_000 * 60_000
    record = f"article/{at_ms // 1000}"
    return linkedin.act("article", change.owner, record, at_ms, observed_ms, ref=activity.permalink)


def _text(change: Change) -> str:
    """What was written; where it stands differs by resource, and a form that is not known is no fault of the change."""
    activity = change.activity or Activity()
    content = activity.specific_content
    if isinstance(content, dict):
        content = content.get("com.linkedin.ugc.ShareContent", content)
        content = content.get("shareCommentary") if isinstance(content, dict) else None
    for each in (activity.commentary, activity.message, content):
        text = each.get("text") if isinstance(each, dict) else each
        if text and isinstance(text, str):
            return text
    return ""


def _number(change: Change) -> str:
    activity = change.activity or Activity()
    named = f"{activity.id} {change.resource_id} {change.resource_uri}"
    number = linkedin.post_id(named) or next((each for each in named.split() if each.isdecimal()), "")
    if not number:
        raise InvalidEvent("shape")
    return number


def _made_ms(change: Change) -> int:
    created: Any = change.activity and change.activity.created
    at_ms = created.time if isinstance(created, Time) else created
    return at_ms or change.captured_at


Reader = Callable[[Change, int], Act | Retraction | str]
_READERS: Mapping[str, Reader] = MappingProxyType(
    {
        "ugcPosts": _posted,
        "ugcPost": _posted,
        "posts": _posted,
        "shares": _posted,
        "instantReposts": _reposted,
        "socialActions/comments": _commented,
        "comments": _commented,
        "socialActions/likes": _reacted,
        "reactions": _reacted,
        "originalArticles": _wrote,
    }
)
