"""Glassdoor's reviews of an employer, from a CSV file: there is no public API, and no one layout of such a file.

Columns are known by their usual names; docs/networks.md lists them. References: https://help.glassdoor.com and the employer
centre's own report of reviews.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import BinaryIO

import msgspec

from presence.events.door import FUTURE_MS_MAX, OCCURRED_MS_MIN
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Direction, Network, Object, TimeQuality, Verb
from presence.ingest.acts import Act, Decoded
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.exports.rows import rows
from presence.ingest.frames import Frame

NETWORK = Network("glassdoor")

COLUMNS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "id": ("review_id", "id", "reviewid", "review_url", "url", "link"),
        "date": (
            "review_date", "date_review", "date", "review_date_time", "reviewdatetime", "dates", "created", "created_at",
            "submitted", "submission_date", "date_submitted", "published", "time",
        ),
        "rating": (
            "overall_rating", "rating_overall", "overall_ratings", "ratingoverall", "overall", "rating", "overall_stars",
            "stars", "star_rating", "score",
        ),
    }
)  # fmt: skip
"""By what we take from it, the names of the column, in the order of preference; case, spaces and signs do not matter."""
_FORMS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d", "%Y/%m/%d", "%m/%d/%Y", "%m/%d/%y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%b %d, %Y",
    "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d.%m.%Y", "%a %b %d %Y",
)  # fmt: skip
_NOT_WORD = re.compile(r"[^a-z0-9]+")
_NUMBER = re.compile(r"\s*([0-9](?:[.,][0-9]{1,3})?)(?![0-9])")
_ZONE = re.compile(r"(?:\.\d+)?\s*(?:Z|UTC|GMT|[+-]\d\d:?\d\d)?(?:\s*\([^)]{0,40}\))?$")
_row = msgspec.json.Decoder(dict[str, str])


def items(export: Export) -> Iterator[Item]:
    """Each row of each CSV file that has a rating among its columns."""

    def is_header(row: Sequence[str]) -> bool:
        return any(_word(cell) in COLUMNS["rating"] for cell in row)

    def read(part: Part, file: BinaryIO) -> Iterator[Item]:
        return rows(file, part.base, is_header=is_header)

    yield from export.items(export.select("*.csv", "*.tsv", "*.txt"), read)


def decode(frame: Frame, account: str, observed_ms: int) -> Decoded:
    """The review that one row is. Raises InvalidEvent: `json`, `shape` (no date), `rating`, `time`."""
    try:
        told = {_word(name): text.strip() for name, text in _row.decode(frame.data).items()}
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidEvent("json") from error
    text = _of(told, "rating")
    if text in {"", "-1", "-1.0", "0", "0.0", "nan", "NaN", "N/A", "null", "None"}:
        return Decoded(skipped="no_rating")
    rating = _rating(text)
    at_ms = _millis(_of(told, "date"), observed_ms)
    native = _of(told, "id")
    record = f"review/{native[:300]}" if native else f"row/{_fingerprint(told)}"
    act = Act(
        about=account,
        by=record,  # Reviewers are anonymous, and each review is one's.
        record=record,
        what="to",
        direction=Direction.TO,
        verb=Verb.REVIEW,
        object=Object.REVIEW,
        occurred_ms=at_ms,
        ref=native[:2000] or record,
        time_quality=TimeQuality.DAY,
        rating=rating,
        version=f"{at_ms}/{rating}",
    )
    return Decoded((act,))


def _word(name: str) -> str:
    return _NOT_WORD.sub("_", name.casefold()).strip("_")


def _of(told: Mapping[str, str], what: str) -> str:
    return next((told[name] for name in COLUMNS[what] if told.get(name)), "")


def _fingerprint(told: Mapping[str, str]) -> str:
    """Tells a review without an id from others: by all that its row says."""
    return hashlib.sha256(msgspec.json.encode(sorted(told.items()))).hexdigest()[:32]


def _rating(text: str) -> int:
    """Thousandths of a star, of texts such as 4, 4.0, 4,5 and `4.0 out of 5`."""
    found = _NUMBER.match(text)
    stars = float(found[1].replace(",", ".")) if found else 0.0
    if not 1 <= stars <= 5:
        raise InvalidEvent("rating")
    return round(stars * 1000)


def _millis(text: str, observed_ms: int) -> int:
    """The day of `text`."""
    plain = " ".join(text[:80].split())
    if not plain:
        raise InvalidEvent("shape", "no date")
    for each in (plain, _ZONE.sub("", plain), " ".join(plain.split()[:4])):
        for form in _FORMS:
            try:
                day = datetime.strptime(each, form).replace(
                    hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC
                )
            except ValueError:
                continue
            at_ms = int(day.timestamp()) * 1000
            if OCCURRED_MS_MIN <= at_ms <= observed_ms + FUTURE_MS_MAX:
                return at_ms
            raise InvalidEvent("time")
    raise InvalidEvent("time")
