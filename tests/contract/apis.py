"""Networks' APIs as they speak on the wire, on a local socket: paging, limits, tokens that run out, and failures on demand."""

import base64
import json
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit


class Asked(NamedTuple):
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int
    body: Any = None
    headers: Mapping[str, str] = {}


class Api:
    """Answers by `answer`, after what is in `failures`; `asked` is all that came."""

    def __init__(self) -> None:
        self.failures: deque[Answer | None] = deque()
        """None: the connection is closed without an answer."""
        self.asked: list[Asked] = []
        self.lock = threading.Lock()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._answer("GET")

            def do_POST(self) -> None:
                self._answer("POST")

            def log_message(self, *_: object) -> None:
                """Quiet."""

            def _answer(self, method: str) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(method, parts.path, query, headers, body)
                with api.lock:
                    api.asked.append(asked)
                    answer = api.failures.popleft() if api.failures else api.answer(asked)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                if isinstance(answer.body, Iterator):
                    self._stream(answer.body)
                    return
                content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def _stream(self, parts: Iterator[bytes]) -> None:
                """Each part as it comes, until there is no more."""
                self.send_header("connection", "close")
                self.end_headers()
                self.close_connection = True
                with suppress(OSError):
                    for part in parts:
                        self.wfile.write(part)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


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


class BusinessProfile(Api):
    """Google's three hosts in one: tokens, Pub/Sub's pull and acknowledge, reviews by name and by page."""

    def __init__(self, reviews: Mapping[str, dict[str, Any]]) -> None:
        super().__init__()
        self.reviews = dict(reviews)
        self.unacknowledged: dict[str, bytes] = {}
        self.acknowledged: list[str] = []
        self.token = "access-0"
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
