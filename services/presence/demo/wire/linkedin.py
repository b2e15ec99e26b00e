"""LinkedIn's Member Changelog API as it speaks on the wire."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from presence.demo.wire.api import Answer, Api, Asked


def change(owner: str, at_ms: int, number: int, method: str = "CREATE") -> dict[str, Any]:
    """The element of the changelog that tells of a post of `at_ms`, or, with another method, what became of it."""
    urn = f"urn:li:share:{at_ms << 22}"
    return {
        "id": number,
        "owner": owner,
        "actor": owner,
        "resourceName": "ugcPosts",
        "resourceId": urn,
        "resourceUri": f"/ugcPosts/{urn}",
        "method": method,
        "activity": {"id": urn, "created": {"time": at_ms}} if method == "CREATE" else {},
        "processedAt": at_ms + (500 if method == "CREATE" else 900_000),
        "capturedAt": at_ms + 100,
        "activityStatus": "SUCCESS",
    }


class MemberChangelog(Api):
    """LinkedIn's: the version header, a token for each member, pages from `startTime` on, inclusive."""

    def __init__(self, events: Mapping[str, list[dict[str, Any]]]) -> None:
        super().__init__()
        self.events = events
        self.good = {f"token-of-{member}": member for member in events}
        self.refreshable: dict[str, str] = {}

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/oauth/v2/accessToken":
            return self._refreshed(asked)
        if asked.headers.get("linkedin-version") != "202312":
            return Answer(426, {"code": "NONEXISTENT_VERSION"})
        member = self.good.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if member is None:
            return Answer(401, {"code": "REVOKED_ACCESS_TOKEN"})
        count, start = int(asked.query["count"]), int(asked.query.get("startTime", "0"))
        if (
            asked.path != "/rest/memberChangeLogs"
            or asked.query["q"] != "memberAndApplication"
            or not 1 <= count <= 50
        ):
            return Answer(400, {})
        since = [event for event in self.events[member] if event["processedAt"] >= start]
        return Answer(200, {"paging": {"start": 0, "count": count, "links": []}, "elements": since[:count]})

    def _refreshed(self, asked: Asked) -> Answer:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        member = self.refreshable.get(form.get("refresh_token", ""))
        if form.get("grant_type") != "refresh_token" or form.get("client_secret") != "shh" or member is None:
            return Answer(400, {"error": "invalid_grant"})
        self.good[f"fresh-of-{member}"] = member
        return Answer(200, {"access_token": f"fresh-of-{member}", "expires_in": 5_184_000})
