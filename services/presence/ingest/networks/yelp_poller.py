"""Asks Yelp for each enrolled business: its average and number of reviews, and the few reviews that the API shows.

https://docs.developer.yelp.com/reference/v3_business_info. The API allows some hundred calls a day, told by its headers.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar
from urllib.parse import quote

import msgspec
import structlog

from presence.events.errors import RetryLater
from presence.ingest.cursor import Checkpoint
from presence.ingest.networks.yelp import BUSINESS, REVIEW
from presence.ingest.polled import Found, Watch
from presence.ingest.rest import Refused, Rest
from presence.log.clock import now_ms

URL = "https://api.yelp.com"
KEY = "PRESENCE_YELP_API_KEY"
COUNTS_MAX = 10**9
T = TypeVar("T")

log = structlog.get_logger()


class _Shown(msgspec.Struct):
    rating: float
    review_count: int


class _Reviews(msgspec.Struct):
    reviews: list[msgspec.Raw]


class _Seen(NamedTuple):
    number: int
    business: str
    shown: int


class Businesses:
    """A business is told only when what the network shows of it has changed; reviews are known by their ids."""

    every_s = 6 * 3600.0

    def __init__(self, given: Mapping[str, str], watch: Watch) -> None:
        self._rest = Rest(watch.url or URL, {"Authorization": f"Bearer {given[KEY]}"})
        self._watch = watch
        self._left: deque[tuple[str, str]] = deque()
        self._unsaved: deque[_Seen] = deque()
        self._number = 0

    def step(self) -> Sequence[Found] | None:
        if not self._left:
            natives = sorted(self._watch.natives())
            self._left.extend((each, what) for each in natives for what in (BUSINESS, REVIEW))
            return () if self._left else None
        business, what = self._left[0]
        try:
            found = self._rated(business) if what == BUSINESS else self._reviews(business)
        except Refused as error:
            if error.status in {401, 0}:
                raise
            # A business that has closed or moved, or a plan without reviews, concerns no other.
            log.warning("Yelp does not show this", what=what, status=error.status)
            found = []
        self._left.popleft()
        self._number += len(found)
        return found if found or self._left else None

    def acknowledged(self, number: int) -> None:
        while self._unsaved and self._unsaved[0].number <= number:
            seen = self._unsaved.popleft()
            self._watch.cursors.save(seen.business, Checkpoint(seen.shown, {}))

    def close(self) -> None:
        self._rest.close()

    def _rated(self, business: str) -> list[Found]:
        body = self._rest.get(f"/v3/businesses/{quote(business, safe='')}")
        shown = _decoded(body, _Shown)
        saved = self._watch.cursors.load(business)
        now = round(shown.rating * 1000) * COUNTS_MAX + min(shown.review_count, COUNTS_MAX - 1)
        if saved is not None and saved.position == now:
            return []
        told = {"id": business, "at_ms": now_ms(), "rating": shown.rating, "review_count": shown.review_count}
        self._unsaved.append(_Seen(self._number + 1, business, now))
        return [Found(msgspec.json.encode(told), BUSINESS)]

    def _reviews(self, business: str) -> list[Found]:
        body = self._rest.get(f"/v3/businesses/{quote(business, safe='')}/reviews", sort_by="newest")
        told = [{"business": business, "review": each} for each in _decoded(body, _Reviews).reviews]
        return [Found(msgspec.json.encode(each), REVIEW) for each in told]


def _decoded(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RetryLater("an answer of Yelp cannot be read", after_s=60) from error
