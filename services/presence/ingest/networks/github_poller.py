"""Asks GitHub for the events of those who are enrolled, and of the repositories that they have lately pushed to.

https://docs.github.com/rest/activity/events: the newest 300 events of 30 days, newest first, 30 seconds to 6 hours late. What has
not changed (ETag) costs nothing of the limit, which is shared by all that one token asks.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple, TypeVar
from urllib.parse import quote

import msgspec
import structlog

from presence.events.errors import RetryLater
from presence.ingest.cursor import Checkpoint
from presence.ingest.networks.github import PROFILE
from presence.ingest.networks.github_records import Profile
from presence.ingest.polled import Found, Watch
from presence.ingest.rest import Answer, Refused, Rest, wait_s
from presence.log.clock import now_ms

URL = "https://api.github.com"
VERSION = "2022-11-28"
TOKEN = "PRESENCE_GITHUB_TOKEN"  # noqa: S105 (the name of a variable)
PAGE_EVENTS = 100
PAGES_MAX = 3
"""GitHub has no more."""
REPOSITORIES_MAX = 10
"""Of one account, those pushed to last: where most of what others do happens."""
INTERVAL_S_MAX = 3600.0
REQUESTS_PER_HOUR = 4_000
"""Of the 5,000 that a token has; the rest is left to whoever shares it."""

T = TypeVar("T")
log = structlog.get_logger()


class Event(msgspec.Struct):
    id: str


class Repository(msgspec.Struct):
    full_name: str


class _Unsaved(NamedTuple):
    """Up to where a feed is in the log once the frame `number` is."""

    number: int
    feed: str
    newest: int


class Events:
    """One round asks for everybody's profile, repositories and feeds."""

    def __init__(self, given: Mapping[str, str], watch: Watch) -> None:
        headers = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": VERSION}
        if token := given.get(TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        self._rest = Rest(watch.url or URL, headers)
        self._watch = watch
        self._left: deque[str] = deque()
        self._etags: dict[str, str] = {}
        self._places: dict[str, int] = {}
        self._seen: dict[str, frozenset[int]] = {}
        self._unsaved: deque[_Unsaved] = deque()
        self._is_round = False
        self._round: set[str] = set()
        self._number = 0
        self._asked = 0
        self._limited: RetryLater | None = None
        self._poll_interval_s = 60.0
        self.every_s = 60.0

    def step(self) -> Sequence[Found] | None:
        if self._limited is not None:
            limited, self._limited = self._limited, None
            raise limited
        if not self._left:
            return self._turned()
        path = self._left[0]
        self._round.add(path)
        try:
            found = list(self._ask(path))
        except Refused as error:
            if error.status == 401:
                raise
            log.warning("an account or repository is not shown to us", status=error.status)
            found = []
        self._left.popleft()
        self._number += len(found)
        if path in self._places and found:
            self._unsaved.append(_Unsaved(self._number, path, self._places[path]))
        return found

    def acknowledged(self, number: int) -> None:
        while self._unsaved and self._unsaved[0].number <= number:
            saved = self._unsaved.popleft()
            self._watch.cursors.save(_label(saved.feed), Checkpoint(saved.newest, {}))

    def close(self) -> None:
        self._rest.close()

    def _turned(self) -> Sequence[Found] | None:
        """The end of a round, or else the beginning of the next."""
        self._is_round = not self._is_round
        if not self._is_round:
            self.every_s = max(self._poll_interval_s, 3600 * self._asked / REQUESTS_PER_HOUR)
            return None
        for known in (self._etags, self._places, self._seen):
            for path in known.keys() - self._round:
                del known[path]
        self._round.clear()
        self._asked = 0
        for login in sorted(self._watch.natives()):
            user = f"/users/{quote(login, safe='')}"
            self._left += (user, f"{user}/repos", f"{user}/events/public")
        return ()

    def _ask(self, path: str) -> Iterator[Found]:
        """What is new at `path`. Nothing of it is remembered before all its pages are read."""
        if path.startswith("/users/") and path.count("/") == 2:
            yield from self._profile(path)
        elif path.endswith("/repos"):
            self._left.extend(f"/repos/{name}/events" for name in self._repositories(path))
        else:
            yield from self._feed(path)

    def _profile(self, path: str) -> Iterator[Found]:
        answer = self._changed(path, self._etags.get(path, ""))
        if answer is not None:
            self._etags[path] = answer.headers.get("etag", "")
            profile = msgspec.structs.replace(_decoded(answer, Profile), at_ms=now_ms())
            yield Found(msgspec.json.encode(profile), PROFILE)

    def _repositories(self, path: str) -> list[str]:
        answer = self._changed(path, "", sort="pushed", per_page=REPOSITORIES_MAX)
        return [quote(each.full_name) for each in _decoded(answer, list[Repository])] if answer else []

    def _feed(self, path: str) -> Iterator[Found]:
        """The events that were not there before, the oldest first."""
        place = self._place(path)
        known = self._seen.get(path)
        fresh: dict[int, bytes] = {}
        seen: set[int] = set()
        etag = self._etags.get(path, "")
        for page in range(1, PAGES_MAX + 1):
            answer = self._changed(path, etag if page == 1 else "", per_page=PAGE_EVENTS, page=page)
            if answer is None:
                return
            if page == 1:
                etag = answer.headers.get("etag", "")
            raw = _decoded(answer, list[msgspec.Raw])
            numbers = [_number(each) for each in raw]
            seen.update(numbers)
            new = [
                (number, bytes(each))
                for number, each in zip(numbers, raw, strict=True)
                if (number > place if known is None else number not in known)
            ]
            fresh.update(new)
            if len(new) < len(raw) or 'rel="next"' not in answer.headers.get("link", ""):
                break
        self._etags[path] = etag
        self._seen[path] = frozenset(seen)
        self._places[path] = max((place, *fresh))
        yield from (Found(fresh[number]) for number in sorted(fresh))

    def _place(self, path: str) -> int:
        """The newest event of the feed that is in the log; 0 if none is."""
        if path not in self._places:
            saved = self._watch.cursors.load(_label(path))
            self._places[path] = (saved.position if saved else None) or 0
        return self._places[path]

    def _changed(self, path: str, etag: str, **params: str | int) -> Answer | None:
        """The answer; None if it is still the one that `etag` names."""
        self._asked += 1
        answer = self._rest.get_if_changed(path, etag, **params)
        if answer is None:
            return None
        interval = answer.headers.get("x-poll-interval", "")
        if interval.isdecimal():
            self._poll_interval_s = min(INTERVAL_S_MAX, float(interval))
        if answer.headers.get("x-ratelimit-remaining") == "0":
            self._limited = RetryLater("the limit of this hour is used up", after_s=wait_s(answer.headers))
        return answer


def _decoded(answer: Answer, kind: type[T]) -> T:
    """Raises RetryLater if the answer is not what it should be: something stands between us and GitHub."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RetryLater("an answer is not what GitHub gives", after_s=0) from error


def _number(event: msgspec.Raw) -> int:
    """The event's number; 0 if it has none, so that it is taken and then refused."""
    try:
        return int(msgspec.json.decode(event, type=Event).id)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return 0


def _label(path: str) -> str:
    """What a feed is called on disk, which names nobody."""
    return blake2b(path.encode(), digest_size=16).hexdigest()
