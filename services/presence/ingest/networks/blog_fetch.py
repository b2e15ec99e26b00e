"""One conditional GET of a feed: bounded in bytes, time and redirects.

https://www.rfc-editor.org/rfc/rfc9110#section-13 (conditional requests), #section-15.4 (redirects).
"""

import ipaddress
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx

from presence.events.errors import RetryLater, SourceUnavailable
from presence.ingest.rest import ANSWER_BYTES_MAX, CONNECT_TIMEOUT_S, READ_TIMEOUT_S, wait_s

REDIRECTS_MAX = 5
FETCH_S_MAX = 60.0
ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"
PERMANENT, MOVED, NOT_MODIFIED, GONE = {301, 308}, {301, 302, 303, 307, 308}, 304, 410


@dataclass(slots=True)
class Known:
    """What is remembered of a feed between two questions: where it has moved for good, and which version we have."""

    url: str
    etag: str = ""
    modified: str = ""


class Gone(SourceUnavailable):
    """410: the publisher asks everybody to stop."""


class Page(NamedTuple):
    """A new version of a feed; `hubs` and `itself` are what its Link header tells."""

    body: bytes
    charset: str
    hubs: tuple[str, ...]
    itself: str


class Fetcher:
    """One client for all feeds."""

    def __init__(self) -> None:
        timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        self._client = httpx.Client(timeout=timeout, headers={"Accept": ACCEPT, "User-Agent": "Presence"})

    def fetch(self, known: Known) -> Page | None:
        """The feed if it has changed, and `known` brought up to date; None if not.

        Raises Gone; RetryLater for anything else that is no feed, with what the server says of how long.
        """
        url, is_permanent = known.url, True
        deadline_s = time.monotonic() + FETCH_S_MAX
        for _ in range(REDIRECTS_MAX + 1):
            headers = {"If-None-Match": known.etag, "If-Modified-Since": known.modified}
            asked = {name: value for name, value in headers.items() if value}
            try:
                with self._client.stream("GET", url, headers=asked) as answer:
                    if answer.status_code in MOVED:
                        is_permanent = is_permanent and answer.status_code in PERMANENT
                        url = _next(url, answer.headers.get("location", ""))
                        if is_permanent:
                            known.url = url
                        continue
                    return self._page(answer, known, deadline_s)
            except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
                raise RetryLater(f"a feed is out of reach: {type(error).__name__}", after_s=0) from error
        raise RetryLater("a feed redirects without end", after_s=0)

    def subscribe(self, hub: str, form: Mapping[str, str]) -> bool:
        """Ask a hub for something; whether it has agreed to see to it."""
        try:
            with self._client.stream("POST", hub, data=dict(form)) as answer:
                return answer.status_code in {202, 204}
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError):
            return False

    def close(self) -> None:
        self._client.close()

    def _page(self, answer: httpx.Response, known: Known, deadline_s: float) -> Page | None:
        status, headers = answer.status_code, answer.headers
        if status == NOT_MODIFIED:
            return None
        if status == GONE:
            raise Gone
        if status != 200:
            raise RetryLater(f"a feed answered with status {status}", after_s=wait_s(headers))
        body = bytearray()
        for part in answer.iter_bytes():
            body += part
            if len(body) > ANSWER_BYTES_MAX or time.monotonic() > deadline_s:
                raise RetryLater("a feed is too long, or comes too slowly", after_s=0)
        known.etag, known.modified = headers.get("etag", ""), headers.get("last-modified", "")
        links = [(each.get("rel", ""), each.get("url", "")) for each in answer.links.values()]
        return Page(
            bytes(body),
            _charset(headers.get("content-type", "")),
            tuple(url for rel, url in links if rel == "hub"),
            next((url for rel, url in links if rel == "self"), ""),
        )


def _next(url: str, location: str) -> str:
    """Where a redirect leads. Raises RetryLater if that is no web address, or from the web into a private network."""
    try:
        target = urljoin(url, location)
        parts = urlsplit(target)
        is_refused = parts.scheme not in {"http", "https"} or not parts.hostname
        is_refused = is_refused or (_is_private(target) and not _is_private(url))
    except ValueError:
        is_refused = True
    if is_refused:
        raise RetryLater("a feed redirects to where we do not go", after_s=0)
    return target


def _is_private(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def _charset(content_type: str) -> str:
    message = Message()
    message["content-type"] = content_type
    charset = message.get_content_charset("")
    return charset if charset.isascii() and len(charset) < 40 else ""
