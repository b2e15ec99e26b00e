"""JSON over HTTP as networks' APIs speak it: bounded answers, and errors in the words of who must react.

One client is shared by all accounts of an app, and with it the network's limits.
"""

import email.utils
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any, NamedTuple, TypeVar

import httpx
import msgspec

from presence.events.errors import RetryLater, SourceUnavailable
from presence.log.clock import now_ms

ANSWER_BYTES_MAX = 16 * 2**20
CONNECT_TIMEOUT_S = 3.0
READ_TIMEOUT_S = 20.0
WAIT_S_MAX = 86_400.0
"""The longest that a network may make us wait: a day, as of daily limits."""


T = TypeVar("T")


class Refused(SourceUnavailable):
    """The network does not give us this: its status says why (401 and 403: the token; 404 and 410: there is none)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Answer(NamedTuple):
    """`headers` are found whatever the case of their names; `links` are addresses by their relation, such as `next` (RFC 8288)."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    links: Mapping[str, str]


class Rest:
    """Raises RetryLater for what passes by itself: no connection, 408, 425, 429, 5xx; Refused for any other status."""

    def __init__(self, url: str, headers: Mapping[str, str] | None = None) -> None:
        timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        self.url = url.rstrip("/")
        self._client = httpx.Client(headers=headers, timeout=timeout)

    def get(self, path: str, headers: Mapping[str, str] | None = None, **params: str | int) -> bytes:
        """The body of the answer."""
        return self._ask("GET", path, headers=headers, params=params)

    def page(self, path: str, headers: Mapping[str, str] | None = None, **params: str | int) -> Answer:
        """The answer, with where the next and previous pages are."""
        return self._answer("GET", path, headers=headers, params=params)

    def get_if_changed(self, path: str, etag: str, **params: str | int) -> Answer | None:
        """The answer, unless it is still the one that `etag` names; then None. Empty: none is known."""
        headers = {"If-None-Match": etag} if etag else None
        answer = self._answer("GET", path, headers=headers, params=params)
        return None if answer.status == 304 else answer

    @contextmanager
    def listen(
        self, path: str, headers: Mapping[str, str], *, silence_s_max: float
    ) -> Iterator[Iterator[bytes]]:
        """An answer that does not end, piece by piece; RetryLater after `silence_s_max` without one."""
        timeout = httpx.Timeout(silence_s_max, connect=CONNECT_TIMEOUT_S)
        with (
            self._translated(),
            self._client.stream("GET", f"{self.url}{path}", headers=headers, timeout=timeout) as answer,
        ):
            self._check(answer)
            yield answer.iter_bytes()

    def post(self, path: str, headers: Mapping[str, str] | None = None, **body: Any) -> bytes:
        """The body of the answer to `body` as JSON."""
        return self._ask("POST", path, headers=headers, json=body)

    def post_form(self, path: str, form: Mapping[str, str]) -> bytes:
        """The body of the answer to a form, as OAuth has it."""
        return self._ask("POST", path, data=form)

    def close(self) -> None:
        self._client.close()

    def _ask(self, method: str, path: str, **request: Any) -> bytes:
        return self._answer(method, path, **request).body

    def _answer(self, method: str, path: str, **request: Any) -> Answer:
        with self._translated(), self._client.stream(method, f"{self.url}{path}", **request) as answer:
            body = self._body(answer)
            self._check(answer)
            links = {rel: each["url"] for rel, each in answer.links.items() if rel and "url" in each}
            return Answer(answer.status_code, body, answer.headers, links)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.InvalidURL as error:
            raise Refused(f"{self.url} is no address", 0) from error
        except httpx.HTTPError as error:
            raise RetryLater(f"{self.url} is out of reach: {type(error).__name__}", after_s=0) from error

    def _body(self, answer: httpx.Response) -> bytes:
        parts, size_bytes = [], 0
        for part in answer.iter_bytes():
            size_bytes += len(part)
            if size_bytes > ANSWER_BYTES_MAX:
                raise RetryLater(f"{self.url} answered with more than {ANSWER_BYTES_MAX:,} bytes", after_s=60)
            parts.append(part)
        return b"".join(parts)

    def _check(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status < 300 or status == 304:
            return
        if status in {408, 425, 429} or status >= 500 or (status == 403 and _is_limited(answer.headers)):
            raise RetryLater(f"{self.url} answered with status {status}", after_s=wait_s(answer.headers))
        raise Refused(f"{self.url} refused us with status {status}", status)  # A path can name somebody.


def _is_limited(headers: Mapping[str, str]) -> bool:
    """GitHub says 403 where others say 429: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api."""
    return "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"


def wait_s(headers: Mapping[str, str]) -> float:
    """How long the network asks us to wait; 0 if it does not say.

    `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), or a reset header in seconds from now or since 1970.
    """
    after = headers.get("retry-after", "")
    if after and not after.isdecimal():
        try:
            moment = email.utils.parsedate_to_datetime(after)
            return _bounded(moment.timestamp() - now_ms() / 1000)
        except ValueError:
            return 0.0
    if reset := headers.get("ratelimit-resettime", ""):  # Yelp's.
        return _until(reset)
    if "T" in (reset := headers.get("x-ratelimit-reset", "")):  # Mastodon's.
        return _until(reset)
    for name in ("retry-after", "x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset"):
        text = headers.get(name, "")
        if text.isdecimal() and len(text) < 12:
            seconds = float(text)
            return _bounded(seconds - now_ms() / 1000 if seconds > 1e9 else seconds)
    return 0.0


def _until(text: str) -> float:
    try:
        return _bounded(datetime.fromisoformat(text).timestamp() - now_ms() / 1000)
    except ValueError:
        return 0.0


def _bounded(seconds: float) -> float:
    return min(max(0.0, seconds), WAIT_S_MAX)


class _Fresh(msgspec.Struct):
    """RFC 6749, section 5.1."""

    access_token: Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]+\Z")]
    expires_in: int = 3600


class Token:
    """An access token that is refreshed when it runs out: RFC 6749, section 6. Never logged."""

    def __init__(
        self,
        rest: Rest,
        path: str,
        *,
        client_id: str = "",
        client_secret: str = "",
        refresh_token: str = "",
        access_token: str = "",
    ) -> None:
        """Without `refresh_token`, `access_token` is used as long as it lasts."""
        self._rest = rest
        self._path = path
        self._form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": client_id,
            "client_secret": client_secret,
        }
        self._access = access_token
        self._ends_s = float("inf") if access_token else 0.0

    def header(self) -> dict[str, str]:
        """The header of a request. Raises RetryLater, Refused."""
        if time.monotonic() >= self._ends_s and self._form["refresh_token"]:
            self._refresh()
        return {"Authorization": f"Bearer {self._access}"}

    def expire(self) -> bool:
        """The network did not take it; whether another can be had."""
        self._ends_s = 0.0
        return bool(self._form["refresh_token"])

    def _refresh(self) -> None:
        fresh = understood(self._rest.post_form(self._path, self._form), _Fresh)
        self._access = fresh.access_token
        self._ends_s = time.monotonic() + max(60, fresh.expires_in - 60)


def understood(body: bytes, shape: type[T]) -> T:
    """An answer's JSON as `shape`. Raises RetryLater if it is not that: a proxy's page, or half an answer."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RetryLater("an answer is not what the network's reference says", after_s=60) from error
