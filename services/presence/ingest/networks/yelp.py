"""Yelp: what a business and its reviews say. Pure: bytes in, acts out.

https://docs.developer.yelp.com/reference/v3_business_info and /v3_business_reviews. The API shows an average, a number and three reviews;
the two numbers stand for all reviews.
"""

from datetime import UTC, datetime

import msgspec

from presence.events.door import FUTURE_MS_MAX, OCCURRED_MS_MIN
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Direction, Gauge, Network, Object, TimeQuality, Verb
from presence.ingest.acts import Act, Decoded, Reading
from presence.ingest.frames import Frame

NETWORK = Network("yelp")
BUSINESS, REVIEW = "business", "review"
"""Kinds of frames."""


class Business(msgspec.Struct, frozen=True):
    """What the poller makes of a business; `at_ms` is when it was asked."""

    id: str
    at_ms: int
    rating: float
    review_count: int


class User(msgspec.Struct, frozen=True):
    id: str


class Review(msgspec.Struct, frozen=True):
    """`time_created` has no zone; it is Pacific time. Only its day is taken."""

    id: str
    rating: float
    time_created: str
    user: User | None = None


class Reviewed(msgspec.Struct, frozen=True):
    """A review, and what it is of."""

    business: str
    review: Review


_business = msgspec.json.Decoder(Business)
_reviewed = msgspec.json.Decoder(Reviewed)


def decode(frame: Frame, observed_ms: int) -> Decoded:
    """What a frame of the poller says. Raises InvalidEvent: `json`, `shape`, `rating`, `time`."""
    try:
        if frame.kind == BUSINESS:
            return _rated(_business.decode(frame.data), observed_ms)
        return _review(_reviewed.decode(frame.data), observed_ms)
    except msgspec.ValidationError as error:
        raise InvalidEvent("shape") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidEvent("json") from error


def _rated(business: Business, observed_ms: int) -> Decoded:
    at_ms = _in_range(business.at_ms, observed_ms)
    if not 0 <= business.rating <= 5 or business.review_count < 0:
        raise InvalidEvent("rating")
    record, ref = f"{business.id}@{at_ms}", f"https://www.yelp.com/biz/{business.id}"
    stars, count = round(business.rating * 1000), business.review_count
    return Decoded(
        (
            Reading(business.id, record, "stars", Gauge.RATING_STARS, stars, at_ms, ref),
            Reading(business.id, record, "count", Gauge.RATING_COUNT, count, at_ms, ref),
        )
    )


def _review(told: Reviewed, observed_ms: int) -> Decoded:
    review = told.review
    if not 1 <= review.rating <= 5:
        raise InvalidEvent("rating")
    try:
        moment = datetime.fromisoformat(review.time_created).replace(hour=0, minute=0, second=0, tzinfo=UTC)
    except ValueError as error:
        raise InvalidEvent("time") from error
    at_ms = _in_range(int(moment.timestamp()) * 1000, observed_ms)
    rating = round(review.rating * 1000)
    act = Act(
        about=told.business,
        by=review.user.id if review.user else review.id,
        record=f"review/{review.id}",
        what="to",
        direction=Direction.TO,
        verb=Verb.REVIEW,
        object=Object.REVIEW,
        occurred_ms=at_ms,
        ref=f"https://www.yelp.com/biz/{told.business}?hrid={review.id}",
        time_quality=TimeQuality.DAY,
        rating=rating,
        version=f"{at_ms}/{rating}",
    )
    return Decoded((act,))


def _in_range(at_ms: int, observed_ms: int) -> int:
    if not OCCURRED_MS_MIN <= at_ms <= observed_ms + FUTURE_MS_MAX:
        raise InvalidEvent("time")
    return at_ms
