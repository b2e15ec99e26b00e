"""A site with feeds as it speaks on the wire: versions, redirects, and a hub."""

import hashlib
from collections.abc import Mapping
from urllib.parse import parse_qs

from presence.demo.wire.api import HEADERS, Answer, Api, Asked

NEW = "Mon, 01 Jun 2026 10:00:00 GMT"


def rss(*items: str, head: str = "") -> bytes:
    return f'<?xml version="1.0"?><rss version="2.0"><channel>{head}{"".join(items)}</channel></rss>'.encode()


def item(number: int, *, link: str = "/post", date: str = NEW) -> str:
    return f"<item><guid>{number}</guid><link>{link}/{number}</link><pubDate>{date}</pubDate></item>"


class Site(Api):
    """Feeds by path, with an ETag of their content; who subscribes at the hub is in `subscriptions`."""

    def __init__(self) -> None:
        super().__init__()
        self.feeds: dict[str, Answer] = {}
        self.subscriptions: list[Mapping[str, str]] = []

    def put(self, path: str, body: bytes, headers: Mapping[str, str] = HEADERS) -> None:
        etag = f'"{hashlib.sha256(body).hexdigest()[:8]}"'
        self.feeds[path] = Answer(200, body, {"etag": etag, "last-modified": NEW, **headers})

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/hub":
            self.subscriptions.append({name: each[0] for name, each in parse_qs(asked.body.decode()).items()})
            return Answer(202, b"")
        found = self.feeds.get(asked.path, Answer(404, b"no"))
        if found.status == 200 and asked.headers.get("if-none-match") == found.headers["etag"]:
            return Answer(304, b"", found.headers)
        return found

    def statuses(self, path: str) -> int:
        return sum(each.path == path for each in self.asked)
