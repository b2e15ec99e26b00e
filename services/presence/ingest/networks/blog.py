"""Blogs: a post in a feed is an article by its owner. Pure: an entry of a feed in, acts out.

An account is a feed's address, as it was enrolled. A post is known by the feed's guid, else by its link, else by its text.
"""

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urljoin

import msgspec

from presence.events.door import OCCURRED_MS_MIN
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Network, Object, TimeQuality, Verb
from presence.ingest.acts import Act, Decoded
from presence.ingest.decoding import REF_CHARS_MAX, guarded, millis, required
from presence.ingest.frames import Frame
from presence.ingest.meaning import BY, Meaning
from presence.ingest.networks.blog_feed import Entry, json_entry

NETWORK = Network("blog")
ENTRY, BROKEN, JSON_ITEM = "entry", "broken", "json_item"
"""Kinds of frames: an Entry; what could not be read as one, as it came; an item of a JSON Feed."""

TABLE: Mapping[str, Meaning] = MappingProxyType(
    {
        "": Meaning(
            BY, Verb.CREATE, Object.ARTICLE, "https://www.rssboard.org/rss-specification#hrelementsOfLtitemgt"
        ),
        "video": Meaning(
            BY,
            Verb.CREATE,
            Object.VIDEO,
            "https://www.rssboard.org/rss-specification#ltenclosuregtSubelementOfLtitemgt",
        ),
    }
)
"""By the first part of the media type of what is enclosed; anything else is an article with something in it."""

_entry = msgspec.json.Decoder(Entry)


def decode(frame: Frame, observed_ms: int) -> Decoded:
    """What an entry says that was read live. Raises InvalidEvent: `not_a_feed`, `shape`, `json`, `time`."""
    if frame.kind == BROKEN:
        raise InvalidEvent("not_a_feed")
    with guarded():
        entry = _entry.decode(frame.data)
    return _said(entry, required(entry.feed), observed_ms)


def decode_imported(frame: Frame, account: str, observed_ms: int) -> Decoded:
    """What an entry of the feed of `account` says. Raises InvalidEvent: `shape`, `json`, `nesting`, `time`."""
    if frame.kind == JSON_ITEM:
        return _said(json_entry(frame.data), account, observed_ms)
    with guarded():
        entry = _entry.decode(frame.data)
    return _said(entry, account, observed_ms)


def _said(entry: Entry, account: str, observed_ms: int) -> Decoded:
    if entry.hidden:
        return Decoded(skipped=entry.hidden)
    try:
        link = urljoin(account, urljoin(entry.base, entry.link)) if entry.link else ""
    except ValueError:  # No address, as `http://[`.
        link = ""
    name = required(entry.guid or link or entry.digest)
    at = _moment(entry.published) or _moment(entry.updated)
    quality = at.quality if at else TimeQuality.UNKNOWN
    if at and at.moment.timestamp() * 1000 < OCCURRED_MS_MIN:
        return Decoded(skipped="before_2004")
    meaning = TABLE.get(entry.media.partition("/")[0], TABLE[""])
    act = Act(
        about=account,
        by=account,
        record=f"{account}#{name}",  # Two feeds of one person may both have a post 1.
        what="by",
        direction=meaning.direction,
        verb=meaning.verb,
        object=meaning.object,
        occurred_ms=millis(at.moment, observed_ms) if at else observed_ms,
        ref=link if 0 < len(link) <= REF_CHARS_MAX else account,
        time_quality=quality,
        text=entry.text,
    )
    return Decoded((act,))


class _At(NamedTuple):
    moment: datetime
    quality: TimeQuality


def _moment(text: str) -> _At | None:
    """The time that `text` tells, as RFC 3339 or RFC 822 have it; None if it tells none, as one in a thousand feeds does."""
    try:
        moment = datetime.fromisoformat(text)
        quality = TimeQuality.DAY if len(text) <= len("2004-01-01") else TimeQuality.EXACT
    except ValueError:
        try:
            moment, quality = email.utils.parsedate_to_datetime(text), TimeQuality.EXACT
        except (ValueError, TypeError, OverflowError):
            return None
    try:
        return _At(moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC), quality)
    except OverflowError:
        return None
