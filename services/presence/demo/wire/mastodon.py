"""A Mastodon server as far as its wire goes: a stream that cannot be resumed, pages by `min_id`, and what its entities look like."""

import json
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from queue import Queue
from typing import Any

from presence.demo.wire.api import Answer, Api, Asked

HOST = "mastodon.example"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"
NEW_MS = 1_794_000_000_000
ACCOUNT_IDS = {"ada": "11", "bo": "22", "cy": "33"}


def account_id(name: str) -> str:
    """The number of an account, the same each time."""
    return ACCOUNT_IDS.get(name) or str(100 + zlib.crc32(name.encode()))


def snowflake(at_ms: int) -> str:
    return str(at_ms << 16)


def iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def page_of(name: str) -> str:
    return f"https://{HOST}/@{name}"


def uri_of(name: str, number: int) -> str:
    return f"https://{HOST}/users/{name}/statuses/{snowflake(NEW_MS + number * 1000 + 123)}"


def account(name: str) -> dict[str, Any]:
    told = {
        "id": account_id(name),
        "username": name,
        "acct": name,
        "url": page_of(name),
        "followers_count": 7,
    }
    return told | {"uri": f"https://{HOST}/users/{name}", "display_name": name.title(), "bot": False}


def status(name: str, number: int, **more: Any) -> dict[str, Any]:
    """What `name` has written `number` seconds after NEW_MS; times have milliseconds here, and none in an archive."""
    at_ms = NEW_MS + number * 1000 + 123
    told: dict[str, Any] = {
        "id": snowflake(at_ms),
        "uri": uri_of(name, number),
        "url": f"{page_of(name)}/{snowflake(at_ms)}",
        "created_at": iso(at_ms),
        "visibility": "public",
        "account": account(name),
        "content": "<p>words</p>",
        "mentions": [],
        "media_attachments": [],
        "reblog": None,
        "in_reply_to_id": None,
        "in_reply_to_account_id": None,
    }
    return told | more


def mention(name: str) -> dict[str, Any]:
    return {"id": account_id(name), "username": name, "acct": name, "url": page_of(name)}


def boost(name: str, number: int, of: dict[str, Any]) -> dict[str, Any]:
    return status(name, number, reblog=of, uri=f"{uri_of(name, number)}/activity", content=of["content"])


def notification(number: int, type_: str, by: str, about: dict[str, Any] | None = None) -> dict[str, Any]:
    told = {
        "id": str(number),
        "type": type_,
        "created_at": iso(NEW_MS + number * 1000),
        "account": account(by),
    }
    return told if about is None else told | {"status": about}


def archived(told: dict[str, Any]) -> dict[str, Any]:
    """The activity that stands in an outbox for a status."""
    actor = told["account"]["uri"]
    at = told["created_at"].partition(".")[0] + "Z"
    reach = {"to": [PUBLIC], "cc": [f"{actor}/followers"]}
    if told["visibility"] != "public":
        reach = {"to": [f"{actor}/followers"], "cc": [PUBLIC] if told["visibility"] == "unlisted" else []}
    if told["reblog"]:
        return {"id": told["uri"], "type": "Announce", "actor": actor, "published": at, **reach} | {
            "object": told["reblog"]["uri"]
        }
    answered = told["in_reply_to_account_id"]
    names = {number: name for name, number in ACCOUNT_IDS.items()}
    note = {
        "id": told["uri"],
        "type": "Note",
        "published": at,
        "attributedTo": actor,
        "url": told["url"],
        "inReplyTo": f"https://{HOST}/users/{names[answered]}/statuses/{told['in_reply_to_id']}"
        if answered
        else None,
        "content": told["content"],
        "tag": [
            {
                "type": "Mention",
                "href": f"https://{HOST}/users/{each['username']}",
                "name": f"@{each['acct']}",
            }
            for each in told["mentions"]
        ],
        "attachment": [
            {"type": "Document", "mediaType": f"{each['type']}/x", "url": "media/1"}
            for each in told["media_attachments"]
        ],
        **reach,
    }
    return {"id": f"{told['uri']}/activity", "type": "Create", "actor": actor, "published": at, **reach} | {
        "object": note
    }


class Mastodon(Api):
    """`ada`'s account: what it has written, what it was notified of, and its stream."""

    page = 3

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[dict[str, Any]] = []
        self.notifications: list[dict[str, Any]] = []
        self.streams: list[Queue[bytes | None]] = []
        self.token = "token-of-ada"  # noqa: S105 (as made up as the rest)

    def push(self, event: str, payload: Any) -> None:
        data = payload if isinstance(payload, str) else json.dumps(payload)
        self.send(f"event: {event}\ndata: {data}\n\n".encode())

    def send(self, data: bytes | None) -> None:
        """To whoever listens; None ends their connections."""
        for each in self.streams:
            each.put(data)
        if data is None:
            self.streams.clear()

    def post(self, told: dict[str, Any], *, streamed: bool = True) -> dict[str, Any]:
        self.statuses.append(told)
        if streamed:
            self.push("update", told)
        return told

    def notify(self, told: dict[str, Any], *, streamed: bool = True) -> None:
        self.notifications.append(told)
        if streamed:
            self.push("notification", told)

    def answer(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {self.token}":
            return Answer(401, {"error": "The access token is invalid"})
        if asked.path.startswith("/api/v1/streaming/"):
            queue: Queue[bytes | None] = Queue()
            self.streams.append(queue)
            return Answer(200, self._told(queue), {"content-type": "text/event-stream"})
        if asked.path == "/api/v1/accounts/verify_credentials":
            return Answer(200, account("ada"))
        if asked.path == "/api/v1/notifications":
            return self._paged(asked, self.notifications)
        if asked.path in {f"/api/v1/accounts/{ACCOUNT_IDS['ada']}/statuses", "/api/v1/timelines/public"}:
            return self._paged(asked, self.statuses)
        return Answer(404, {"error": "Record not found"})

    def _told(self, queue: "Queue[bytes | None]") -> Iterator[bytes]:
        yield b":)\n"
        while (data := queue.get()) is not None:
            yield b":thump\n"
            # As networks cut it: anywhere.
            yield data[:7]
            yield data[7:]

    def _paged(self, asked: Asked, found: list[dict[str, Any]]) -> Answer:
        """Newest first; with `min_id`, those that follow on it."""
        ordered = sorted(found, key=lambda each: int(each["id"]))
        size = min(int(asked.query.get("limit", "20")), self.page)
        if "min_id" in asked.query:
            ordered = [each for each in ordered if int(each["id"]) > int(asked.query["min_id"])][:size]
        else:
            ordered = ordered[-size:]
        headers = {}
        if ordered:
            address = f"{self.url}{asked.path}?limit={size}"
            headers["link"] = (
                f'<{address}&max_id={ordered[0]["id"]}>; rel="next", <{address}&min_id={ordered[-1]["id"]}>; rel="prev"'
            )
        return Answer(200, ordered[::-1], headers)
