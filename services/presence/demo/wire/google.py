"""Google's Business Profile and Pub/Sub as they speak on the wire."""

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from presence.demo.wire.api import Answer, Api, Asked


def written(name: str, stars: str, created: str, updated: str = "") -> dict[str, Any]:
    """A review of that name, as the API shows it; times are RFC 3339."""
    return {
        "name": name,
        "reviewId": name.rsplit("/", 1)[-1],
        "reviewer": {"displayName": "Avery"},
        "starRating": stars,
        "comment": "Fine",
        "createTime": created,
        "updateTime": updated or created,
    }


class BusinessProfile(Api):
    """Google's three hosts in one: tokens, Pub/Sub's pull and acknowledge, reviews by name and by page."""

    def __init__(self, reviews: Mapping[str, dict[str, Any]]) -> None:
        super().__init__()
        self.reviews = dict(reviews)
        self.unacknowledged: dict[str, bytes] = {}
        self.acknowledged: list[str] = []
        self.token = "access-0"  # noqa: S105 (as made up as the rest)
        self.page = 2

    def notify(self, kind: str, name: str) -> None:
        data = json.dumps({"type": kind, "review": name, "location": name.rsplit("/reviews/", 1)[0]}).encode()
        self.publish(data)

    def publish(self, data: bytes) -> None:
        with self.lock:
            self.unacknowledged[f"ack-{len(self.unacknowledged) + len(self.acknowledged)}"] = data

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/token":
            form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
            is_good = (form.get("client_id"), form.get("client_secret"), form.get("refresh_token")) == (
                "id",
                "shh",
                "r",
            )
            return (
                Answer(200, {"access_token": self.token, "expires_in": 3599}) if is_good else Answer(401, {})
            )
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return Answer(401, {"error": {"status": "UNAUTHENTICATED"}})
        if asked.path == "/v1/projects/p/subscriptions/s:pull":
            wanted = json.loads(asked.body)["maxMessages"]
            return Answer(200, {"receivedMessages": self._messages(wanted)} if self.unacknowledged else {})
        if asked.path == "/v1/projects/p/subscriptions/s:acknowledge":
            for each in json.loads(asked.body)["ackIds"]:
                self.unacknowledged.pop(each, None)
                self.acknowledged.append(each)
            return Answer(200, {})
        name = asked.path.removeprefix("/v4/")
        if name.endswith("/reviews"):
            assert asked.query["orderBy"] == "updateTime desc"
            return self._listed(name, int(asked.query.get("pageToken", "0")))
        return (
            Answer(200, self.reviews[name])
            if name in self.reviews
            else Answer(404, {"error": {"status": "NOT_FOUND"}})
        )

    def _messages(self, wanted: int) -> list[dict[str, Any]]:
        return [
            {"ackId": each, "message": {"data": base64.b64encode(data).decode(), "messageId": each}}
            for each, data in list(self.unacknowledged.items())[:wanted]
        ]

    def _listed(self, parent: str, start: int) -> Answer:
        found = [review for name, review in self.reviews.items() if name.startswith(f"{parent}/")]
        found.sort(key=lambda review: str(review["updateTime"]), reverse=True)
        page: dict[str, Any] = {"reviews": found[start : start + self.page], "totalReviewCount": len(found)}
        if start + self.page < len(found):
            page["nextPageToken"] = str(start + self.page)
        return Answer(200, page)
