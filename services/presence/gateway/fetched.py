"""Keys from a URL, fetched again and again, so that the issuer can change them: a JWKS endpoint (RFC 7517, RFC 8414).

A fetch that fails changes nothing and is logged: who may call stays as it was. A token of a key that is not known asks for
a fetch out of turn, at most one in SOON_S, so that nobody can make us ask the issuer more often than that.
"""

import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import structlog

from presence.events.errors import CallerError
from presence.log.loopback import is_loopback

TIMEOUT_S = 5.0
SOON_S = 10.0
CONTENT_BYTES_MAX = 2**20

log = structlog.get_logger(__name__)

T = TypeVar("T")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Keys come from the URL that was configured, and from nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


class Fetched(Generic[T]):
    """What `parse` made of the newest content of `url` that could be had."""

    def __init__(
        self, url: str, parse: Callable[[bytes], T], *, before: T, refresh_s: float, soon_s: float = SOON_S
    ) -> None:
        """`before` holds until the first fetch succeeds. Raises CallerError for a URL that others could read or change."""
        parts = urlsplit(url)
        secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
        if not secure or not parts.hostname:
            raise CallerError(f"{url} must begin with https://, or be on this machine")
        self._url = url
        self._parse = parse
        self._refresh_s = refresh_s
        self._soon_s = soon_s
        self._value = before
        self._content: bytes | None = None
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._fetch()
        threading.Thread(target=self._keep, name="jwks", daemon=True).start()

    def value(self) -> T:
        """Another object only where the content is another."""
        return self._value

    def want(self) -> None:
        """Something was not in it: fetch before it is time, though not at once again."""
        self._wanted.set()

    def close(self) -> None:
        """Fetch no more."""
        self._closed.set()
        self._wanted.set()

    def _keep(self) -> None:
        while not self._closed.wait(self._soon_s):
            self._wanted.wait(max(0.0, self._refresh_s - self._soon_s))
            self._wanted.clear()
            if not self._closed.is_set():
                self._fetch()

    def _read(self) -> bytes:
        with _OPENER.open(self._url, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(CONTENT_BYTES_MAX + 1)
        if len(content) > CONTENT_BYTES_MAX:
            raise CallerError(f"more than {CONTENT_BYTES_MAX} bytes")
        return content

    def _fetch(self) -> None:
        try:
            content = self._read()
            if content != self._content:
                self._value = self._parse(content)
                self._content = content
                log.info("keys_fetched", url=self._url)
        except (OSError, HTTPException, CallerError) as error:
            log.error("keys_not_fetched", url=self._url, error=f"{type(error).__name__}: {error}")  # noqa: TRY400 (the reason says it)
