"""Google's reviews live: a Pub/Sub message says only that there is a new or edited one, which is then fetched.

https://developers.google.com/my-business/content/notification-setup; https://cloud.google.com/pubsub/docs/reference/rest/v1. A message is
acknowledged once its review is in the log; until then Pub/Sub sends it again. Before the subscription there were reviews too, and what
nobody acknowledges for seven days is dropped: so at a start, and then once a day, all reviews of each location are listed.
"""

import base64
import binascii
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from presence.events.errors import CallerError, RetryLater
from presence.ingest.polled import Found, Watch
from presence.ingest.rest import Refused, Rest, Token, json_object

PUBSUB, BUSINESS, LOGIN = (
    "https://pubsub.googleapis.com",
    "https://mybusiness.googleapis.com",
    "https://oauth2.googleapis.com",
)
CLIENT_ID, CLIENT_SECRET = "PRESENCE_GOOGLE_CLIENT_ID", "PRESENCE_GOOGLE_CLIENT_SECRET"
REFRESH_TOKEN = "PRESENCE_GOOGLE_REFRESH_TOKEN"  # noqa: S105 (the name of a variable)
SUBSCRIPTION, ACCOUNT = "PRESENCE_GOOGLE_SUBSCRIPTION", "PRESENCE_GOOGLE_ACCOUNT"
MESSAGES_AT_ONCE = 100
REVIEWS_A_PAGE = 50
LIST_EVERY_S = 86_400.0
NAME_CHARS_MAX = 512

REVIEW, OTHER = "review", "other"
"""Kinds of frames: a review as the API gives it; a notification of something else, as it came."""


class _Sent(NamedTuple):
    """A message whose review is in the log once the frame `number` is."""

    number: int
    ack_id: str


class _Message(NamedTuple):
    ack_id: str
    data: bytes


class _Page(NamedTuple):
    location: str
    token: str


class Reviews:
    """One Business Profile account's reviews, of the locations that are enrolled."""

    every_s = 5.0

    def __init__(self, given: Mapping[str, str], watch: Watch) -> None:
        """Raises CallerError if the account or subscription is not named in full."""
        self._subscription, self._account = given[SUBSCRIPTION].strip("/"), given[ACCOUNT].strip("/")
        if self._subscription.count("/") != 3 or not self._account.startswith("accounts/"):
            raise CallerError(f"{SUBSCRIPTION} is projects/.../subscriptions/..., {ACCOUNT} is accounts/...")
        self._watch = watch
        self._pubsub, self._business = Rest(watch.url or PUBSUB), Rest(watch.url or BUSINESS)
        self._login = Rest(watch.url or LOGIN)
        self._token = Token(
            self._login,
            "/token",
            client_id=given[CLIENT_ID],
            client_secret=given[CLIENT_SECRET],
            refresh_token=given[REFRESH_TOKEN],
        )
        self._messages: deque[_Message] = deque()
        self._pages: deque[_Page] = deque()
        self._list_at_s = 0.0
        self._sent: deque[_Sent] = deque()
        self._to_acknowledge: list[str] = []
        self._number = 0

    def step(self) -> Sequence[Found] | None:
        try:
            return self._step()
        except Refused as error:
            if error.status == 401 and self._token.expire():
                raise RetryLater("the access token has run out", after_s=0) from error
            raise

    def acknowledged(self, number: int) -> None:
        while self._sent and self._sent[0].number <= number:
            self._to_acknowledge.append(self._sent.popleft().ack_id)

    def close(self) -> None:
        for each in (self._pubsub, self._business, self._login):
            each.close()

    def _step(self) -> Sequence[Found] | None:
        if self._to_acknowledge:
            self._acknowledge()
            return ()
        if self._messages:
            return self._count([self._fetched(self._messages[0])], self._messages.popleft().ack_id)
        if self._pages:
            return self._count(self._listed(), "")
        if time.monotonic() >= self._list_at_s:
            self._pages.extend(
                _Page(each, "") for each in sorted(self._watch.natives()) if "locations/" in each
            )
            self._list_at_s = time.monotonic() + LIST_EVERY_S
            return ()
        return () if self._pull() else None

    def _pull(self) -> bool:
        body = self._pubsub.post(
            f"/v1/{self._subscription}:pull", headers=self._token.header(), maxMessages=MESSAGES_AT_ONCE
        )
        for each in json_object(body).get("receivedMessages") or ():
            message = each.get("message") or {}
            try:
                data = base64.b64decode(message.get("data", ""), validate=True)
            except (binascii.Error, TypeError, ValueError):
                data = b""
            self._messages.append(_Message(str(each.get("ackId", "")), data))
        return bool(self._messages)

    def _acknowledge(self) -> None:
        ids = self._to_acknowledge[:MESSAGES_AT_ONCE]
        self._pubsub.post(f"/v1/{self._subscription}:acknowledge", headers=self._token.header(), ackIds=ids)
        del self._to_acknowledge[: len(ids)]

    def _fetched(self, message: _Message) -> Found:
        """The review that a message is about, as it is now."""
        name = _review_name(message.data)
        if not name:
            return Found(message.data, OTHER)
        try:
            return Found(self._business.get(f"/v4/{name}", headers=self._token.header()), REVIEW)
        except Refused as error:
            if error.status not in {404, 410}:
                raise
            return Found(msgspec.json.encode({"name": name, "deleted": True}), REVIEW)

    def _listed(self) -> list[Found]:
        """A page of all reviews of a location."""
        page = self._pages[0]
        params: dict[str, str | int] = {"pageSize": REVIEWS_A_PAGE}
        if page.token:
            params["pageToken"] = page.token
        body = self._business.get(
            f"/v4/{self._account}/{page.location}/reviews", headers=self._token.header(), **params
        )
        answer = json_object(body)
        self._pages.popleft()
        token = answer.get("nextPageToken")
        if isinstance(token, str) and token:
            self._pages.appendleft(_Page(page.location, token))
        return [Found(msgspec.json.encode(each), REVIEW) for each in answer.get("reviews") or ()]

    def _count(self, found: list[Found], ack_id: str) -> list[Found]:
        self._number += len(found)
        if ack_id:
            self._sent.append(_Sent(self._number, ack_id))
        return found


def _review_name(data: bytes) -> str:
    """The review that a notification names; empty if it is about something else, or cannot be read.

    The fields are those of the API's versions 4 (`reviewName`, `resourceName`) and 1 (`review`, `review_name`).
    """
    try:
        told: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    for field in ("review", "reviewName", "review_name", "resourceName", "name"):
        name = told.get(field)
        if isinstance(name, str) and "/reviews/" in name and len(name) <= NAME_CHARS_MAX and ".." not in name:
            return name.strip("/")
    return ""
