"""Asks Yelp for each enrolled business: its average and number of reviews, and the few reviews that the API shows.

https://docs.developer.yelp.com/reference/v3_business_info. The API allows some hundred calls a day, told by its headers.
"""

import hashlib
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

import msgspec
import structlog

from presence.ingest.cursor import Checkpoint
from presence.ingest.networks.yelp import BUSINESS, REVIEW
from presence.ingest.polled import Found, Watch
from presence.ingest.rest import Refused, Rest, understood
from presence.log.clock import now_ms

URL = "https://api.yelp.com"
KEY = "PRESENCE_YELP_API_KEY"

log = structlog.get_logger()


class _Shown(msgspec.Struct):
    rating: float
    review_count: int


class _Reviews(msgspec.Struct):
    reviews: list[msgspec.Raw]


class _Seen(NamedTuple):
    """What was shown is in the log once the frame `number` is."""

    number: int
    place: str
    shown: int


class Businesses:
    """A business, or its reviews, are told only when what the network shows of them has changed."""

    every_s = 6 * 3600.0

    def __init__(self, given: Mapping[str, str], watch: Watch) -> None:
        self._rest = Rest(watch.url or URL, {"Authorization": f"Bearer {given[KEY]}"})
        self._watch = watch
        self._left: deque[tuple[str, str]] = deque()
        self._unsaved: deque[_Seen] = deque()
        self._number = 0
        self._is_round = False

    def step(self) -> Sequence[Found] | None:
        if not self._left:
            self._is_round = not self._is_round
            natives = sorted(self._watch.natives()) if self._is_round else []
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
        return found

    def acknowledged(self, number: int) -> None:
        while self._unsaved and self._unsaved[0].number <= number:
            seen = self._unsaved.popleft()
            self._watch.cursors.save(seen.place, Checkpoint(seen.shown, {}))

    def close(self) -> None:
        self._rest.close()

    def _rated(self, business: str) -> list[Found]:
        shown = understood(self._rest.get(f"/v3/businesses/{quote(business, safe='')}"), _Shown)
        told = {"id": business, "at_ms": now_ms(), "rating": shown.rating, "review_count": shown.review_count}
        found = [Found(msgspec.json.encode(told), BUSINESS)]
        return self._if_changed(
            f"{BUSINESS}/{business}", f"{shown.rating}/{shown.review_count}".encode(), found
        )

    def _reviews(self, business: str) -> list[Found]:
        body = self._rest.get(f"/v3/businesses/{quote(business, safe='')}/reviews", sort_by="newest")
        reviews = understood(body, _Reviews).reviews
        told = [{"business": business, "review": each} for each in reviews]
        found = [Found(msgspec.json.encode(each), REVIEW) for each in told]
        return self._if_changed(f"{REVIEW}/{business}", b"\n".join(map(bytes, reviews)), found)

    def _if_changed(self, place: str, shown: bytes, found: list[Found]) -> list[Found]:
        now = int.from_bytes(hashlib.blake2b(shown, digest_size=7).digest(), "big")
        saved = self._watch.cursors.load(place)
        if not found or (saved is not None and saved.position == now):
            return []
        self._number += len(found)
        self._unsaved.append(_Seen(self._number, place, now))
        return found
