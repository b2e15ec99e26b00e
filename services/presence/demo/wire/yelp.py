"""Yelp's Fusion API as it speaks on the wire."""

from typing import Any

from presence.demo.wire.api import Answer, Api, Asked


class Fusion(Api):
    """Yelp's, whose limit of a day is told by headers."""

    def __init__(self, shown: dict[str, dict[str, Any]], reviews: dict[str, list[dict[str, Any]]]) -> None:
        super().__init__()
        self.shown, self.reviews = shown, reviews

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "Bearer key":
            return Answer(401, {"error": {"code": "UNAUTHORIZED_API_KEY"}})
        business, _, rest = asked.path.removeprefix("/v3/businesses/").partition("/")
        if business not in self.shown:
            return Answer(404, {"error": {"code": "BUSINESS_NOT_FOUND"}})
        if rest == "reviews":
            return Answer(200, {"reviews": self.reviews.get(business, []), "total": 3})
        return Answer(200, {"id": business, "alias": "a", "name": "A", **self.shown[business]})
