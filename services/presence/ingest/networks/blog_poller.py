"""Asks each enrolled blog for its feed: with the version we have, as often as its server allows, and no more once it is gone."""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from urllib.parse import urljoin, urlsplit

import structlog

from presence.events.errors import CallerError, RetryLater
from presence.ingest.backoff import Backoff
from presence.ingest.networks.blog_feed import Feed
from presence.ingest.networks.blog_fetch import Fetcher, Gone, Known, Page
from presence.ingest.networks.blog_websub import CALLBACK, LEASE_S, SECRET, Topic, frames, request
from presence.ingest.polled import Found, Watch
from presence.ingest.webhooks.signatures import secrets_of

ENTRIES_MAX = 10_000
"""Of one feed at one time; real ones show ten to some hundred."""
EVERY_S = "PRESENCE_BLOG_EVERY_S"
log = structlog.get_logger()


class _Blog:
    """What is known of one blog, in this process: after a restart everything is asked once more."""

    def __init__(self, url: str) -> None:
        self.known = Known(url)
        self.backoff = Backoff(first_s=60, longest_s=86_400)
        self.next_s = 0.0
        self.subscribe_s = 0.0
        self.seen: set[bytes] = set()


class Feeds:
    """A round asks each feed once. One that fails waits by itself and keeps no other; if none answers, the round fails."""

    def __init__(self, given: Mapping[str, str], watch: Watch) -> None:
        """Raises CallerError if only one of the two settings of WebSub is there."""
        if bool(given.get(SECRET)) != bool(given.get(CALLBACK)):
            raise CallerError(f"for WebSub, {SECRET} and {CALLBACK} are both needed")
        try:
            self.every_s = float(given.get(EVERY_S, "900"))
        except ValueError as error:
            raise CallerError(f"{EVERY_S} is a number of seconds") from error
        self._secret = secrets_of(given[SECRET])[0] if given.get(SECRET) else b""
        self._callback = given.get(CALLBACK, "")
        self._watch = watch
        self._fetcher = Fetcher()
        self._blogs: dict[str, _Blog] = {}
        self._left: deque[str] | None = None
        self._answered = self._failed = 0

    def step(self) -> Sequence[Found] | None:
        if self._left is None:
            self._begin()
            return ()
        if not self._left:
            self._end()
            return None
        return self._asked(self._left.popleft())

    def acknowledged(self, number: int) -> None:
        """Nothing is kept; what was read and not acknowledged is read again after a restart."""

    def close(self) -> None:
        self._fetcher.close()

    def _begin(self) -> None:
        natives = sorted(each for each in self._watch.natives() if _is_address(each))
        self._blogs = {each: self._blogs.get(each) or _Blog(each) for each in natives}
        now_s = time.monotonic()
        self._left = deque(each for each in natives if self._blogs[each].next_s <= now_s)
        self._answered = self._failed = 0

    def _end(self) -> None:
        self._left = None
        if self._failed and not self._answered:
            raise RetryLater("no feed answers", after_s=0)

    def _asked(self, feed: str) -> Sequence[Found]:
        blog = self._blogs[feed]
        try:
            page = self._fetcher.fetch(blog.known)
        except Gone:
            self._answered += 1
            blog.next_s = float("inf")
            log.info("a feed is gone, as its publisher says")
            return ()
        except RetryLater as error:
            self._failed += 1
            blog.next_s = time.monotonic() + max(error.after_s, blog.backoff.failed())
            log.warning("a feed cannot be read", why=str(error))
            return ()
        self._answered += 1
        blog.backoff.succeeded()
        return self._news(feed, blog, page) if page is not None else ()

    def _news(self, feed: str, blog: _Blog, page: Page) -> Sequence[Found]:
        """The entries that were not there, or were others, when it was last asked."""
        head = Feed()
        found: dict[bytes, Found] = {}
        for letter in frames(feed, page.body, page.charset, head):
            found[blake2b(letter.data, digest_size=8).digest()] = Found(letter.data, letter.kind)
            if len(found) >= ENTRIES_MAX:
                break
        news = [each for digest, each in found.items() if digest not in blog.seen]
        blog.seen = set(found)
        hubs = (*page.hubs, *head.hubs)
        if hubs and self._secret:
            itself = page.itself or head.itself or blog.known.url
            self._subscribe(blog, hubs[0], Topic(feed, urljoin(blog.known.url, itself)))
        return news

    def _subscribe(self, blog: _Blog, hub: str, topic: Topic) -> None:
        """Ask the hub to push; where it does not, asking goes on, so nothing is lost."""
        now_s = time.monotonic()
        if now_s < blog.subscribe_s:
            return
        agreed = self._fetcher.subscribe(
            urljoin(blog.known.url, hub), request(self._secret, self._callback, topic)
        )
        blog.subscribe_s = now_s + (LEASE_S / 2 if agreed else 3_600)
        log.info("a hub was asked to push", agreed=agreed)


def _is_address(native: str) -> bool:
    try:
        parts = urlsplit(native)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
