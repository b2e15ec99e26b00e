"""Google's reviews live: a Pub/Sub message says only that there is a new or edited one, which is then fetched.

https://developers.google.com/my-business/content/notification-setup; https://cloud.google.com/pubsub/docs/reference/rest/v1. A message is
acknowledged once its review is in the log; until then Pub/Sub sends it again. Before the subscription there were reviews too, and what
nobody acknowledges for seven days is dropped: so at a start, and then once a day, those of each location are listed that are newer than
the newest of the last list.
"""

import re
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from presence.events.errors import CallerError, RetryLater
from presence.ingest.cursor import Checkpoint
from presence.ingest.networks import google
from presence.ingest.polled import Found, Watch
from presence.ingest.rest import Refused, Rest, Token, understood

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
_LOCATION = re.compile(r"locations/[\w-]{1,100}")
_NAME = re.compile(r"accounts/[\w-]{1,100}/locations/[\w-]{1,100}/reviews/[\w-]{1,300}")

REVIEW, OTHER = "review", "other"
"""Kinds of frames: a review as the API gives it; a notification of something else, as it came."""


class _Sent(NamedTuple):
    """A message whose review is in the log once the frame `number` is."""

    number: int
    ack_id: str


class _Data(msgspec.Struct, frozen=True):
    data: bytes = b""


class _Message(msgspec.Struct, frozen=True, rename="camel"):
    """A ReceivedMessage of Pub/Sub; its data are base64."""

    ack_id: str
    message: _Data = _Data()


class _Pulled(msgspec.Struct, frozen=True, rename="camel"):
    received_messages: list[_Message] = []


class _Reviews(msgspec.Struct, frozen=True, rename="camel"):
    reviews: list[msgspec.Raw] = []
    next_page_token: str = ""


class _Page(NamedTuple):
    """Of a location's reviews, the newest first; `newest_ms` is of the first of its pages."""

    location: str
    token: str
    newest_ms: int


class _Listed(NamedTuple):
    """All reviews of a location up to `newest_ms` are in the log once the frame `number` is."""

    number: int
    location: str
    newest_ms: int


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
        self._listed: deque[_Listed] = deque()
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
        while self._listed and self._listed[0].number <= number:
            listed = self._listed.popleft()
            self._watch.cursors.save(listed.location, Checkpoint(listed.newest_ms, {}))

    def close(self) -> None:
        for each in (self._pubsub, self._business, self._login):
            each.close()

    def _step(self) -> Sequence[Found] | None:
        if self._to_acknowledge:
            self._acknowledge()
            return ()
        if self._messages:
            found = self._fetched(self._messages[0])
            self._number += 1
            self._sent.append(_Sent(self._number, self._messages.popleft().ack_id))
            return [found]
        if self._pages:
            return self._list()
        if time.monotonic() >= self._list_at_s:
            locations = [each for each in sorted(self._watch.natives()) if _LOCATION.fullmatch(each)]
            self._pages.extend(_Page(each, "", 0) for each in locations)
            self._list_at_s = time.monotonic() + LIST_EVERY_S
            return ()
        return () if self._pull() else None

    def _pull(self) -> bool:
        body = self._pubsub.post(
            f"/v1/{self._subscription}:pull", headers=self._token.header(), maxMessages=MESSAGES_AT_ONCE
        )
        self._messages.extend(understood(body, _Pulled).received_messages)
        return bool(self._messages)

    def _acknowledge(self) -> None:
        ids = self._to_acknowledge[:MESSAGES_AT_ONCE]
        self._pubsub.post(f"/v1/{self._subscription}:acknowledge", headers=self._token.header(), ackIds=ids)
        del self._to_acknowledge[: len(ids)]

    def _fetched(self, message: _Message) -> Found:
        """The review that a message is about, as it is now."""
        data = message.message.data
        name = _review_name(data)
        if not name:
            return Found(data, OTHER)
        try:
            return Found(self._business.get(f"/v4/{name}", headers=self._token.header()), REVIEW)
        except Refused as error:
            if error.status not in {404, 410}:
                raise
            return Found(msgspec.json.encode({"name": name, "deleted": True}), REVIEW)

    def _list(self) -> list[Found]:
        """A page of the reviews of a location, as far as they are not known to be in the log."""
        page = self._pages[0]
        params: dict[str, str | int] = {"pageSize": REVIEWS_A_PAGE, "orderBy": "updateTime desc"}
        if page.token:
            params["pageToken"] = page.token
        body = self._business.get(
            f"/v4/{self._account}/{page.location}/reviews", headers=self._token.header(), **params
        )
        answer = understood(body, _Reviews)
        self._pages.popleft()
        saved = self._watch.cursors.load(page.location)
        since_ms = (saved.position if saved else None) or 0
        reviews = [bytes(each) for each in answer.reviews]
        times = [google.updated_millis(each) for each in reviews]
        found = [Found(each, REVIEW) for each, at_ms in zip(reviews, times, strict=True) if at_ms >= since_ms]
        newest_ms = page.newest_ms or max(times, default=0)
        self._number += len(found)
        if answer.next_page_token and found:
            self._pages.appendleft(_Page(page.location, answer.next_page_token, newest_ms))
        else:
            self._listed.append(_Listed(self._number, page.location, newest_ms or since_ms))
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
        if isinstance(name, str) and _NAME.fullmatch(name):
            return name
    return ""
