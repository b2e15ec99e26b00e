"""LinkedIn: what its native types mean, and what names them, whichever way they come.

References: the member's export, https://www.linkedin.com/help/linkedin/answer/a1339364; the Member Changelog API,
https://learn.microsoft.com/en-us/linkedin/dma/member-data-portability/shared/member-changelog-api; notifications of a page,
https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/organization-social-action-notifications.

LinkedIn's ids of posts and comments begin with the millisecond in which they were made, so that the export, which tells
local-looking times to the second or none, and the API agree on when something was.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote

from presence.events.door import FUTURE_MS_MAX, OCCURRED_MS_MIN
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Network, Object, TimeQuality, Verb
from presence.ingest.acts import Act
from presence.ingest.meaning import BY, TO, Meaning

NETWORK = Network("linkedin")
EXPORT = "https://www.linkedin.com/help/linkedin/answer/a1339364"
CHANGES = "https://learn.microsoft.com/en-us/linkedin/dma/member-data-portability/shared/member-changelog-api"
PAGE = (
    "https://learn.microsoft.com/en-us/linkedin/marketing/community-management/organizations/"
    "organization-social-action-notifications"
)


TABLE: Mapping[str, Meaning] = MappingProxyType(
    {
        "post": Meaning(BY, Verb.CREATE, Object.NOTE, CHANGES),
        "repost": Meaning(BY, Verb.ANNOUNCE, Object.NOTE, CHANGES),
        "article": Meaning(BY, Verb.CREATE, Object.ARTICLE, CHANGES),
        "comment": Meaning(BY, Verb.CREATE, Object.NOTE, CHANGES),
        "reaction": Meaning(BY, Verb.LIKE, Object.NOTE, CHANGES),
        "follow": Meaning(BY, Verb.FOLLOW, Object.PAGE, EXPORT),
        "follow_member": Meaning(BY, Verb.FOLLOW, Object.PROFILE, EXPORT),
        "invited": Meaning(BY, Verb.INVITE, Object.PROFILE, EXPORT),
        "invitation": Meaning(TO, Verb.INVITE, Object.PROFILE, EXPORT),
        "connection": Meaning(TO, Verb.ACCEPT, Object.PROFILE, EXPORT),
        "endorsed": Meaning(BY, Verb.ENDORSE, Object.PROFILE, EXPORT),
        "endorsement": Meaning(TO, Verb.ENDORSE, Object.PROFILE, EXPORT),
        "recommended": Meaning(BY, Verb.RECOMMEND, Object.PROFILE, EXPORT),
        "recommendation": Meaning(TO, Verb.RECOMMEND, Object.PROFILE, EXPORT),
        "message": Meaning(TO, Verb.MESSAGE, Object.PROFILE, EXPORT),
        "page_like": Meaning(TO, Verb.LIKE, Object.NOTE, PAGE),
        "page_comment": Meaning(TO, Verb.CREATE, Object.NOTE, PAGE),
        "page_share": Meaning(TO, Verb.ANNOUNCE, Object.NOTE, PAGE),
        "page_mention": Meaning(TO, Verb.MENTION, Object.NOTE, PAGE),
    }
)
SOMEBODY_ELSE = "?"
"""Whom a comment answers: LinkedIn names the post, not its author."""

_URN = re.compile(r"urn:li:(share|ugcPost|activity|groupPost|article)[:,](\d{1,19})")
_SLUG_OF_POST = re.compile(r"-(?:activity|share|ugcPost)-(\d{15,19})\b")
_COMMENT = re.compile(r"urn:li:comment:\((?:urn:li:)?\w+:\d{1,19},(\d{1,19})\)")
_PROFILE = re.compile(r"(?:^|/)in/([^/?#\s]{1,200})")
_ID_TIME_SHIFT = 22


def post_id(text: str) -> str:
    """The number of the post that a URN or a link names; empty if it names none."""
    plain = unquote(text)
    found = _URN.search(plain)
    if found:
        return found[2]
    found = _SLUG_OF_POST.search(plain)
    return found[1] if found else ""


def comment_id(text: str) -> str:
    """The number of the comment that a URN or a link names; empty if it names none. Of a reply, the reply's."""
    found = _COMMENT.findall(unquote(text))
    return found[-1] if found else ""


def profile(url: str) -> str:
    """The account behind a profile's link, however it is written: `in/` and its last part; empty if it is none."""
    found = _PROFILE.search(url.strip())
    return f"in/{unquote(found[1]).casefold()}" if found else ""


def id_millis(number: str) -> int:
    """When the post or comment of this number was made; 0 for one of before such numbers."""
    at_ms = int(number) >> _ID_TIME_SHIFT if number.isascii() and number.isdecimal() else 0
    return at_ms if at_ms >= OCCURRED_MS_MIN else 0


def to_second(at_ms: int) -> int:
    """As the export tells it."""
    return at_ms // 1000 * 1000


def act(
    what: str,
    account: str,
    record: str,
    at_ms: int,
    observed_ms: int,
    *,
    by: str = "",
    ref: str = "",
    time_quality: TimeQuality = TimeQuality.EXACT,
) -> Act:
    """An act of this kind by or to `account`. Raises InvalidEvent `time` if it cannot have been then."""
    if not OCCURRED_MS_MIN <= at_ms <= observed_ms + FUTURE_MS_MAX:
        raise InvalidEvent("time")
    meaning = TABLE[what]
    received = meaning.direction == TO
    return Act(
        about=account,
        by=by if received else account,
        record=record,
        what="to" if received else "by",
        direction=meaning.direction,
        verb=meaning.verb,
        object=meaning.object,
        occurred_ms=at_ms,
        ref=(ref or record)[:2000],
        answers=SOMEBODY_ELSE if what in {"comment", "page_comment"} else "",
        time_quality=time_quality,
    )


def posted(number: str, account: str, at_ms: int, observed_ms: int) -> Act:
    """A post. `at_ms` is for one whose number does not tell when."""
    return act(
        "post",
        account,
        f"post/{number}",
        id_millis(number) or at_ms,
        observed_ms,
        ref=f"urn:li:activity:{number}",
    )


def reposted(number: str, account: str, at_ms: int, observed_ms: int) -> Act:
    """The post `number` shown to one's own followers, with nothing said."""
    return act(
        "repost", account, f"repost/{number}", to_second(at_ms), observed_ms, ref=f"urn:li:activity:{number}"
    )


def commented(post: str, number: str, account: str, at_ms: int, observed_ms: int) -> Act:
    """A comment. Where its own number is not told, the second in which it was made tells it from others on the post."""
    at_ms = to_second(id_millis(number) or at_ms)
    return act(
        "comment", account, comment_record(post, at_ms), at_ms, observed_ms, ref=f"urn:li:activity:{post}"
    )


def comment_record(post: str, at_ms: int) -> str:
    return f"comment/{post}/{at_ms // 1000}"


def reacted(thing: str, account: str, at_ms: int, observed_ms: int) -> Act:
    """A reaction to the post or comment `thing`; there is one of each member."""
    return act(
        "reaction",
        account,
        f"reaction/{thing}",
        to_second(at_ms),
        observed_ms,
        ref=f"urn:li:activity:{thing}",
    )
