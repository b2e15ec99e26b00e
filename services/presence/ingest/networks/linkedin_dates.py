"""The dates of LinkedIn's export: every file has a form of its own, and older exports had others."""

import re
from datetime import UTC, datetime

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import TimeQuality

_TIMES = (
    "%Y-%m-%d %H:%M:%S",  # Shares, Comments, Reactions, messages
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S",  # Endorsements
    "%m/%d/%y, %I:%M %p",  # Invitations, Recommendations
    "%m/%d/%Y, %I:%M %p",
    "%m/%d/%y %I:%M %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%y, %H:%M",
    "%a %b %d %H:%M:%S %Y",  # Company Follows, without its zone
    "%d %b %Y, %H:%M",
    "%b %d, %Y, %I:%M %p",
    "%b %d, %Y %I:%M:%S %p",
)
_DAYS = (
    "%d %b %Y",  # Connections
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%m/%d/%y",
    "%m/%d/%Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
)
_ZONE = re.compile(r"\s*\b(?:UTC|GMT|Z)\b\s*(?=\d{4}$|$)")
_SPACES = re.compile(r"\s+")
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\S+$")
TEXT_CHARS_MAX = 40


def millis(text: str) -> tuple[int, TimeQuality]:
    """The time that `text` tells; without a zone it is UTC, of a day it is the beginning.

    Raises InvalidEvent `time` if it is none of the forms.
    """
    plain = _SPACES.sub(" ", text[: TEXT_CHARS_MAX + 1]).strip()
    if len(plain) > TEXT_CHARS_MAX:
        raise InvalidEvent("time")
    try:
        if _ISO.match(plain):
            moment = datetime.fromisoformat(plain)
            return _millis(moment if moment.tzinfo else moment.replace(tzinfo=UTC)), TimeQuality.EXACT
        plain = _SPACES.sub(" ", _ZONE.sub(" ", plain)).strip()
        for forms, quality in ((_TIMES, TimeQuality.EXACT), (_DAYS, TimeQuality.DAY)):
            for form in forms:
                if (found := _parsed(plain, form)) is not None:
                    return _millis(found), quality
    except (ValueError, OverflowError) as error:
        raise InvalidEvent("time") from error
    raise InvalidEvent("time")


def _parsed(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError:
        return None


def _millis(moment: datetime) -> int:
    return int(moment.timestamp()) * 1000
