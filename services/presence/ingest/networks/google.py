"""Google's reviews: what one says, from the Business Profile API, from its owner's Takeout, from its author's Takeout.

References: https://developers.google.com/my-business/reference/rest/v4/accounts.locations.reviews for a business's reviews;
https://takeout.google.com, "Google Business Profile" (the same records) and "Maps (your places)" (GeoJSON, of which there are two
vocabularies). Pure: bytes in, acts out.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import msgspec

from presence.events.door import FUTURE_MS_MAX, OCCURRED_MS_MIN
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Direction, Network, Object, Verb
from presence.ingest.acts import Act, Decoded, Native, Retraction

NETWORK = Network("google")
REVIEWS = "https://developers.google.com/my-business/reference/rest/v4/accounts.locations.reviews"

STARS: Mapping[str, int] = MappingProxyType({"ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5})
_NAME = re.compile(r"(?:accounts/[^/]{1,100}/)?(locations/[^/]{1,100})/reviews/([^/]{1,300})")
_PLACE = re.compile(
    r"[?&](?:cid|ftid|query_place_id|place_id)=([^&#]{1,200})|!1s(0x[0-9a-f]{1,16}:0x[0-9a-f]{1,16})"
)


class Review(msgspec.Struct, frozen=True, rename="camel"):
    """A review that a business has; `deleted` is ours: the network has it no more."""

    name: str
    star_rating: str | int | None = None
    create_time: str = ""
    update_time: str = ""
    deleted: bool = False


class Feature(msgspec.Struct, frozen=True):
    """A review that a person has written, in their Takeout of Maps."""

    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    geometry: dict[str, Any] | None = None


_review = msgspec.json.Decoder(Review)
_feature = msgspec.json.Decoder(Feature)


def decode(data: bytes, account: str, observed_ms: int) -> Decoded:
    """What one review of a business says, for its location, or for `account` where that is not a location's.

    Raises InvalidEvent: `json`, `shape`, `rating`, `time`.
    """
    review: Review = _decoded(_review, data)
    found = _NAME.fullmatch(review.name)
    if found is None:
        raise InvalidEvent("shape")
    about = found[1] if not account or account.startswith("locations/") else account
    # Without its account: one location can be managed from several.
    record = f"{found[1]}/reviews/{found[2]}"
    if review.deleted:
        return Decoded((Retraction(about, record, ""),))
    at_ms = _millis(review.update_time or review.create_time, observed_ms)
    return Decoded((_received(about, record, at_ms, _stars(review.star_rating)),))


def updated_millis(data: bytes) -> int:
    """When a review of a business was last changed; 0 if it does not say so in a way that can be read."""
    try:
        review: Review = _decoded(_review, data)
        return _utc_millis(review.update_time or review.create_time)
    except InvalidEvent:
        return 0


def decode_written(data: bytes, account: str, observed_ms: int) -> Decoded:
    """What one feature of a Takeout of Maps says: a review by `account`, or a saved place, which is none.

    Raises InvalidEvent: `json`, `shape`, `rating`, `time`.
    """
    feature: Feature = _decoded(_feature, data)
    told = {name.casefold().replace(" ", "_"): value for name, value in feature.properties.items()}
    stars = next(
        (told[name] for name in ("five_star_rating_published", "star_rating") if told.get(name)), None
    )
    if stars is None:
        texts = ("review_text_published", "review_comment", "review_text")
        return Decoded(skipped="no_rating" if any(told.get(name) for name in texts) else "not_a_review")
    when = told.get("date") or told.get("published") or told.get("updated")
    if not isinstance(when, str):
        raise InvalidEvent("time")
    at_ms = _millis(when, observed_ms)
    place = _place(told, feature)
    url = told.get("google_maps_url")
    return Decoded((_written(account, place, at_ms, _stars(stars), url if isinstance(url, str) else place),))


def _received(about: str, record: str, at_ms: int, rating: int) -> Native:
    return Act(
        about=about,
        by=record,  # A reviewer has no id but that of the review, of which each has one.
        record=record,
        what="to",
        direction=Direction.TO,
        verb=Verb.REVIEW,
        object=Object.REVIEW,
        occurred_ms=at_ms,
        ref=record,
        rating=rating,
        version=str(at_ms),
    )


def _written(account: str, place: str, at_ms: int, rating: int, url: str) -> Native:
    return Act(
        about=account,
        by=account,
        record=f"review-of/{place}",
        what="by",
        direction=Direction.BY,
        verb=Verb.REVIEW,
        object=Object.REVIEW,
        occurred_ms=at_ms,
        ref=url[:2000],
        rating=rating,
        version=str(at_ms),
    )


def _place(told: Mapping[str, Any], feature: Feature) -> str:
    """What tells the place from others: its number in the link, else the link, else where it is."""
    url = told.get("google_maps_url")
    if isinstance(url, str) and url:
        found = _PLACE.search(url)
        return (found[1] or found[2]) if found else url[:400]
    where = (feature.geometry or {}).get("coordinates") or told.get("location")
    if not where:
        raise InvalidEvent("shape")
    return msgspec.json.encode(where).decode()[:400]


def _stars(told: Any) -> int:
    """A rating in thousandths of a star: a word in the API (FIVE), a number in Takeout."""
    if isinstance(told, str):
        word = told.strip().upper().removesuffix("_STARS").removesuffix("_STAR")
        told = STARS.get(word, int(word) if word.isascii() and word.isdecimal() and len(word) == 1 else 0)
    if isinstance(told, bool) or not isinstance(told, int | float) or not 1 <= told <= 5:
        raise InvalidEvent("rating")
    return round(told * 1000)


def _millis(text: str, observed_ms: int) -> int:
    at_ms = _utc_millis(text)
    if not OCCURRED_MS_MIN <= at_ms <= observed_ms + FUTURE_MS_MAX:
        raise InvalidEvent("time")
    return at_ms


def _utc_millis(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    except (ValueError, OverflowError) as error:
        raise InvalidEvent("time") from error


def _decoded(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise InvalidEvent("shape") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidEvent("json") from error
