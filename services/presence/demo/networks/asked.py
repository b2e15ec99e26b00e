"""Networks whose API or page is asked again and again: LinkedIn, blogs, Yelp, Google reviews."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from email.utils import format_datetime

from presence.demo.networks.venue import PAUSE_S, Member, awaited, every, iso
from presence.demo.wire.blog import Site, item, rss
from presence.demo.wire.google import BusinessProfile, written
from presence.demo.wire.linkedin import MemberChangelog, change
from presence.demo.wire.yelp import Fusion
from presence.events.vocabulary import Network, PersonId, PersonKind
from presence.ingest.networks import google_poller, linkedin_poller, yelp_poller

POSTS = 24
ENTRIES = 12
OLD_REVIEWS, NEW_REVIEWS = 8, 4


class LinkedIn:
    """A member's changelog."""

    def __init__(self, end_ms: int) -> None:
        urn = "urn:li:person:ida"
        posts = [change(urn, at_ms, number) for number, at_ms in enumerate(every(30, POSTS, end_ms))]
        self._api = MemberChangelog({urn: posts})
        way = "REST, Member Changelog API"
        self.members = (Member(Network("linkedin"), "LinkedIn", way, "Ida, on LinkedIn", urn, POSTS),)
        tokens = {urn: {"access_token": f"token-of-{urn}"}}
        self.environment = {linkedin_poller.TOKENS: json.dumps(tokens)}

    def serve(self, stack: ExitStack) -> None:
        stack.enter_context(self._api)

    def command(self, _people: Mapping[Network, PersonId]) -> list[str]:
        return ["ingest", "poll", "linkedin", "--url", self._api.url]

    def play(self) -> None:
        """It was all there before."""


class Weblog:
    """A feed."""

    environment: Mapping[str, str] = {}

    def __init__(self, end_ms: int) -> None:
        self._site = Site()
        dates = [
            format_datetime(datetime.fromtimestamp(at_ms / 1000, UTC))
            for at_ms in every(100, ENTRIES, end_ms)
        ]
        self._site.put("/feed.xml", rss(*(item(number, date=date) for number, date in enumerate(dates))))
        feed = f"{self._site.url}/feed.xml"
        self.members = (Member(Network("blog"), "Blogs", "RSS, polled", "Kim, who blogs", feed, ENTRIES),)

    def serve(self, stack: ExitStack) -> None:
        stack.enter_context(self._site)

    def command(self, _people: Mapping[Network, PersonId]) -> list[str]:
        return ["ingest", "poll", "blog"]

    def play(self) -> None:
        """It was all there before."""


class Yelp:
    """A business with its average, and the three reviews that are shown."""

    environment: Mapping[str, str] = {yelp_poller.KEY: "key"}

    def __init__(self, end_ms: int) -> None:
        reviews = [
            {
                "id": f"r{number}",
                "rating": rating,
                "time_created": iso(at_ms)[:10],
                "user": {"id": f"u{number}"},
            }
            for number, (rating, at_ms) in enumerate(zip((5, 4, 5), every(100, 3, end_ms), strict=True))
        ]
        self._api = Fusion({"noodles": {"rating": 4.5, "review_count": 180}}, {"noodles": reviews})
        way, gauges = "REST, polled", 2
        member = Member(
            Network("yelp"), "Yelp", way, "Lou's noodles, on Yelp", "noodles", 3 + gauges, PersonKind.BUSINESS
        )
        self.members = (member,)

    def serve(self, stack: ExitStack) -> None:
        stack.enter_context(self._api)

    def command(self, _people: Mapping[Network, PersonId]) -> list[str]:
        return ["ingest", "poll", "yelp", "--url", self._api.url]

    def play(self) -> None:
        """It was all there before."""


class GoogleReviews:
    """Reviews of before, which are listed, and new ones, of which a message comes by Pub/Sub."""

    environment: Mapping[str, str] = {
        google_poller.CLIENT_ID: "id",
        google_poller.CLIENT_SECRET: "shh",
        google_poller.REFRESH_TOKEN: "r",
        google_poller.SUBSCRIPTION: "projects/p/subscriptions/s",
        google_poller.ACCOUNT: "accounts/1",
    }
    _PLACE = "locations/2"
    _STARS = ("FIVE", "FOUR", "FIVE", "TWO")

    def __init__(self, end_ms: int) -> None:
        times = every(70, OLD_REVIEWS + NEW_REVIEWS, end_ms)
        reviews = [self._review(number, iso(at_ms)) for number, at_ms in enumerate(times)]
        self._api = BusinessProfile({each["name"]: each for each in reviews[:OLD_REVIEWS]})
        self._new = reviews[OLD_REVIEWS:]
        self.members = (
            Member(
                Network("google"),
                "Google reviews",
                "Pub/Sub and REST",
                "Mia's garage, on Google",
                self._PLACE,
                len(reviews),
                PersonKind.BUSINESS,
            ),
        )

    def serve(self, stack: ExitStack) -> None:
        stack.enter_context(self._api)

    def command(self, _people: Mapping[Network, PersonId]) -> list[str]:
        return ["ingest", "poll", "google", "--url", self._api.url]

    def play(self) -> None:
        awaited(lambda: self._api.asked, "presence ingest poll google asks nothing")
        for review in self._new:
            self._api.reviews[review["name"]] = review
            self._api.notify("NEW_REVIEW", review["name"])
            self._api.closing.wait(PAUSE_S)

    def _review(self, number: int, created: str) -> dict[str, str]:
        name = f"accounts/1/{self._PLACE}/reviews/r{number}"
        return written(name, self._STARS[number % len(self._STARS)], created)
