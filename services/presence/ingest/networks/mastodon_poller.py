"""Follows accounts on Mastodon, or all that is public on a server: its stream, and by the REST API what was while there was none.

https://docs.joinmastodon.org/methods/streaming/, /methods/accounts/#statuses, /methods/notifications/#get; paging by `min_id` and the Link header:
/api/guidelines/#pagination. Ids are numbers that grow with time.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from queue import Empty
from typing import NamedTuple, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec
import structlog

from presence.events.errors import CallerError, RetryLater, SourceUnavailable
from presence.ingest.backoff import Backoff
from presence.ingest.cursor import Checkpoint
from presence.ingest.networks.mastodon import kind
from presence.ingest.networks.mastodon_records import Id
from presence.ingest.networks.mastodon_stream import BEGUN, Ended, Stream
from presence.ingest.polled import READ_WAIT_S, Found, Watch
from presence.ingest.rest import Refused, Rest
from presence.ingest.sse import ServerEvent

TOKENS = "PRESENCE_MASTODON_TOKENS"
PAGE_ITEMS = 40
"""The most that the API gives."""
ID_DIGITS_MAX = 18
"""Enough until the year 2453: an id is milliseconds times 65,536."""
STEADY_S = 60.0
"""A stream that has lasted this long was no failure."""
REFUSED_WAIT_S = 3_600.0
STATUSES, NOTIFICATIONS, PUBLIC = "statuses", "notifications", "public"
T = TypeVar("T")

log = structlog.get_logger()


class _Named(msgspec.Struct):
    """Anything that the API shows."""

    id: Id


class _OfSomebody(msgspec.Struct):
    id: Id
    account: _Named


class _Seen(NamedTuple):
    """The place after the frame `number` is in the log."""

    number: int
    place: str
    id: int


class _Gap(NamedTuple):
    """What was missed of `what` since the id `since`; 0: nothing is known, so only the newest page is asked for."""

    what: str
    since: int


class _Account:
    """One account that has given a token, or a server's public stream, and how far it is read."""

    def __init__(self, native: str, token: str, url: str) -> None:
        self.native = native
        self.token = token
        self.headers = {"Authorization": f"Bearer {token}"}
        self.rest = Rest(url or f"https://{native.rpartition('@')[2]}")
        self.backoff = Backoff(first_s=1, longest_s=300)
        self.stream: Stream | None = None
        self.begun_s = 0.0
        self.gaps: deque[_Gap] = deque()
        self.next_s = 0.0
        self.id = ""
        self.is_live = False
        self.is_public = native.startswith("@")
        self.parts = (PUBLIC,) if self.is_public else (STATUSES, NOTIFICATIONS)

    def place(self, what: str) -> str:
        return f"{self.native}:{what}"

    def close(self) -> None:
        self.is_live = False
        if self.stream is not None:
            self.stream.close()
            self.stream = None


class Streams:
    """A round hears once what each stream has; only a round in which all are there and without gap is a whole one."""

    every_s = 0.0

    def __init__(self, given: Mapping[str, str], watch: Watch) -> None:
        """Raises CallerError if the tokens are no JSON object of accounts."""
        try:
            tokens = msgspec.json.decode(given[TOKENS], type=dict[str, str])
        except msgspec.DecodeError as error:
            raise CallerError(f'{TOKENS} is JSON such as {{"ada@mastodon.example": "token"}}') from error
        if not tokens or any(not native.rpartition("@")[2] or "@" not in native for native in tokens):
            raise CallerError(
                f"{TOKENS} names accounts as ada@mastodon.example, public streams as @mastodon.example"
            )
        self._accounts = [_Account(each.lower(), tokens[each], watch.url) for each in tokens]
        self._watch = watch
        self._turn = 0
        self._heard = 0
        self._seen: deque[_Seen] = deque()
        self._number = 0

    def step(self) -> Sequence[Found] | None:
        if self._turn == len(self._accounts):
            self._turn = 0
            heard, self._heard = self._heard, 0
            if not heard:
                time.sleep(READ_WAIT_S)
            return None if all(each.is_live and not each.gaps for each in self._accounts) else ()
        account = self._accounts[self._turn]
        self._turn += 1
        try:
            found = self._of(account)
        except (RetryLater, SourceUnavailable) as error:
            self._failed(account, error)
            found = []
        self._heard += len(found)
        self._number += len(found)
        return found

    def acknowledged(self, number: int) -> None:
        places: dict[str, int] = {}
        while self._seen and self._seen[0].number <= number:
            seen = self._seen.popleft()
            places[seen.place] = seen.id
        for place, newest in places.items():
            self._watch.cursors.save(place, Checkpoint(newest, {}))

    def close(self) -> None:
        for each in self._accounts:
            each.close()
            each.rest.close()

    def _of(self, account: _Account) -> list[Found]:
        if time.monotonic() < account.next_s:
            return []
        if account.stream is None:
            path = f"/api/v1/streaming/{PUBLIC if account.is_public else 'user'}"
            account.stream = Stream(account.rest, path, account.token)
            return []
        if account.gaps:
            return self._missed(account, account.gaps[0])
        return self._told(account, account.stream)

    def _told(self, account: _Account, stream: Stream) -> list[Found]:
        """What the stream has, up to its beginning or end."""
        found: list[Found] = []
        for _ in range(len(stream)):
            try:
                told = stream.next()
            except Empty:
                break
            if told is BEGUN:
                account.is_live, account.begun_s = True, time.monotonic()
                account.gaps.extend(_Gap(what, self._saved(account, what)) for what in account.parts)
                log.info("listening", server=account.rest.url)
                break
            if isinstance(told, Ended):
                self._failed(account, told.error)
                break
            found.append(Found(told.data, kind(told.name, account.native)))
            self._see(account, told, len(found))
        return found

    def _see(self, account: _Account, told: ServerEvent, number: int) -> None:
        """Remember how far the stream has come; what cannot be read is for the decoder to refuse."""
        try:
            if told.name == "notification":
                self._place(account, NOTIFICATIONS, _decoded(told.data, _Named).id, number)
            elif told.name == "update":
                status = _decoded(told.data, _OfSomebody)
                if account.is_public or status.account.id == account.id:
                    self._place(account, account.parts[0], status.id, number)
        except RetryLater:
            pass

    def _missed(self, account: _Account, gap: _Gap) -> list[Found]:
        """A page of what there was; the gap then is what comes after it, if anything does."""
        since = {"min_id": gap.since} if gap.since else {}
        page = account.rest.page(self._path(account, gap.what), account.headers, limit=PAGE_ITEMS, **since)
        items = _decoded(page.body, list[msgspec.Raw])[::-1]
        newest = max(map(_number, items), default=0)
        account.gaps.popleft()
        after = _min_id(page.links.get("prev", "")) if gap.since and items else 0
        if after > gap.since:
            account.gaps.appendleft(_Gap(gap.what, after))
        if newest:
            self._place(account, gap.what, str(newest), len(items))
        event = "notification" if gap.what == NOTIFICATIONS else "update"
        return [Found(bytes(each), kind(event, account.native)) for each in items]

    def _path(self, account: _Account, what: str) -> str:
        if what != STATUSES:
            return "/api/v1/notifications" if what == NOTIFICATIONS else "/api/v1/timelines/public"
        if not account.id:
            body = account.rest.get("/api/v1/accounts/verify_credentials", account.headers)
            account.id = _decoded(body, _Named).id
        return f"/api/v1/accounts/{account.id}/statuses"

    def _place(self, account: _Account, what: str, newest: str, number: int) -> None:
        if (at := _integer(newest)) > 0:
            self._seen.append(_Seen(self._number + number, account.place(what), at))

    def _saved(self, account: _Account, what: str) -> int:
        """How far it is read: what waits for the log counts too, as it is on its way."""
        place = account.place(what)
        waiting = [each.id for each in self._seen if each.place == place]
        saved = self._watch.cursors.load(place)
        return max([*waiting, saved.position if saved and saved.position else 0])

    def _failed(self, account: _Account, error: RetryLater | SourceUnavailable) -> None:
        """Leave the account alone for a while. Its gap is found anew when its stream is there again."""
        was_steady = account.is_live and time.monotonic() - account.begun_s > STEADY_S
        if was_steady:
            account.backoff.succeeded()
        wait_s = account.backoff.failed()
        if isinstance(error, RetryLater):
            wait_s = max(wait_s, error.after_s)
        elif isinstance(error, Refused) and len(self._accounts) == 1:
            raise error
        else:
            wait_s = REFUSED_WAIT_S
        account.close()
        account.gaps.clear()
        account.next_s = time.monotonic() + wait_s
        log.warning("no stream", server=account.rest.url, why=str(error), retry_in_s=round(wait_s, 1))


def _number(item: msgspec.Raw) -> int:
    """The item's id; 0 if it cannot be read, which its decoder then says."""
    try:
        return _integer(_decoded(bytes(item), _Named).id)
    except RetryLater:
        return 0


def _integer(text: str) -> int:
    """An id as a number; 0 if it is none, as on servers that only resemble Mastodon: of those no place is kept."""
    return int(text) if text.isdecimal() and len(text) <= ID_DIGITS_MAX else 0


def _min_id(link: str) -> int:
    """Where the next newer page begins, by the Link header; 0 if there is none."""
    return _integer(parse_qs(urlsplit(link).query).get("min_id", [""])[0])


def _decoded(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RetryLater("an answer of Mastodon cannot be read", after_s=60) from error
