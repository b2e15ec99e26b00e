"""What networks send to a webhook, signed as they sign it, over a real socket."""

import base64
import hashlib
import hmac
import http.client
import json
from typing import Any, NamedTuple

ENV = {
    "PRESENCE_GITHUB_WEBHOOK_SECRET": "It's a Secret to Everybody",
    "PRESENCE_X_CONSUMER_SECRET": "consumer secret",
    "PRESENCE_LINKEDIN_CLIENT_SECRET": "client secret",
    "PRESENCE_FACEBOOK_APP_SECRET": "app secret",
    "PRESENCE_FACEBOOK_VERIFY_TOKEN": "meatyhamhock",
}


Delivery = tuple[str, bytes, dict[str, str]]
"""Path, body and headers."""


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]


def ask(
    port: int, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.read(), {k.lower(): v for k, v in response.getheaders()})
    finally:
        connection.close()


def hex_signed(secret: str, body: bytes) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def base64_signed(secret: str, body: bytes) -> str:
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def by_github(event: str, payload: dict[str, Any]) -> Delivery:
    body = json.dumps(payload).encode()
    signature = hex_signed(ENV["PRESENCE_GITHUB_WEBHOOK_SECRET"], body)
    return "/github", body, {"X-GitHub-Event": event, "X-Hub-Signature-256": signature}


def by_x(payload: dict[str, Any]) -> Delivery:
    body = json.dumps(payload).encode()
    return (
        "/x",
        body,
        {"x-twitter-webhooks-signature": base64_signed(ENV["PRESENCE_X_CONSUMER_SECRET"], body)},
    )


def by_facebook(*changes: dict[str, Any], page: str = "100") -> Delivery:
    entry = {"id": page, "time": 1_795_000_000, "changes": list(changes)}
    body = json.dumps({"object": "page", "entry": [entry]}).encode()
    return "/facebook", body, {"X-Hub-Signature-256": hex_signed(ENV["PRESENCE_FACEBOOK_APP_SECRET"], body)}


def star(login: str, action: str = "created", at: str = "2026-11-20T10:00:00Z") -> Delivery:
    """A star for octocat's repository."""
    payload = {
        "action": action,
        "starred_at": at if action == "created" else None,
        "sender": {"login": login, "id": 5, "type": "User"},
        "repository": {
            "id": 1,
            "name": "hello",
            "full_name": "Octocat/hello",
            "owner": {"login": "Octocat", "id": 9},
        },
    }
    return by_github("star", payload)


def post(port: int, delivery: Delivery) -> Answer:
    path, body, headers = delivery
    return ask(port, "POST", path, body, headers)


def by_linkedin(*notifications: dict[str, Any]) -> Delivery:
    told = {"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": list(notifications)}
    body = json.dumps(told).encode()
    return (
        "/linkedin",
        body,
        {"X-LI-Signature": hex_signed("client secret", b"hmacsha256=" + body).removeprefix("sha256=")},
    )
