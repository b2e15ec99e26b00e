"""Asks the Member Changelog API for each member whose token we have.

https://learn.microsoft.com/en-us/linkedin/dma/member-data-portability/shared/member-changelog-api: events of the last 28 days; the next
`startTime` is the newest `processedAt`, and the event at it comes again. LinkedIn asks for one round an hour.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import structlog

from presence.events.errors import CallerError, RetryLater, SourceUnavailable
from presence.ingest.cursor import Checkpoint
from presence.ingest.polled import Found, Watch
from presence.ingest.rest import Refused, Rest, Token, understood

URL = "https://api.linkedin.com"
VERSION = "202312"
"""The API knows no other, and answers 426 to one."""
PAGE_EVENTS = 50
TOKENS, CLIENT_ID, CLIENT_SECRET = (
    "PRESENCE_LINKEDIN_TOKENS",
    "PRESENCE_LINKEDIN_CLIENT_ID",
    "PRESENCE_LINKEDIN_CLIENT_SECRET",
)

log = structlog.get_logger()


class Member(msgspec.Struct):
    """What the setting holds of a member."""

    access_token: str
    refresh_token: str = ""


class Element(msgspec.Struct, rename="camel"):
    """What of an element the cursor needs."""

    processed_at: int
    id: int | str


class Page(msgspec.Struct):
    elements: list[msgspec.Raw]


class _Seen(NamedTuple):
    """Up to where a member's events are in the log once the frame `number` is."""

    number: int
    member: str
    processed_ms: int


class MemberChanges:
    """Keeps a cursor for each member, saved once their events are in the log."""

    every_s = 3600.0

    def __init__(self, given: Mapping[str, str], watch: Watch) -> None:
        """Raises CallerError if the tokens are not what the setting must hold."""
        try:
            members = msgspec.json.decode(given[TOKENS], type=dict[str, Member])
        except (msgspec.DecodeError, KeyError) as error:
            raise CallerError(
                f'{TOKENS} is {{"urn:li:person:...": {{"access_token": "..."}}, ...}} as JSON'
            ) from error
        headers = {"LinkedIn-Version": VERSION, "X-Restli-Protocol-Version": "2.0.0"}
        self._rest = Rest(watch.url or URL, headers)
        self._login = Rest(watch.url or "https://www.linkedin.com")
        self._watch = watch
        self._tokens = {
            member: Token(
                self._login,
                "/oauth/v2/accessToken",
                client_id=given.get(CLIENT_ID, ""),
                client_secret=given.get(CLIENT_SECRET, ""),
                refresh_token=held.refresh_token,
                access_token=held.access_token,
            )
            for member, held in members.items()
        }
        self._left: deque[str] = deque()
        self._cursors: dict[str, int] = {}
        self._known: dict[str, set[int | str | bytes]] = {}
        """The ids of each member's last page, of which some come again."""
        self._unsaved: deque[_Seen] = deque()
        self._number = 0
        self._refused = 0
        self._expired: set[str] = set()
        """Whose token was refreshed in this round: one that is refused right after is refused for good."""

    def step(self) -> Sequence[Found] | None:
        if not self._left:
            self._new_round()
            if not self._left:
                return None
        member = self._left[0]
        try:
            found = self._fresh(member, self._page(member))
        except Refused as error:
            if error.status == 401 and member not in self._expired and self._tokens[member].expire():
                self._expired.add(member)
                raise RetryLater("an access token has run out", after_s=0) from error
            self._skip(error)
            found = []
        else:
            if not found:
                self._left.popleft()
        return found if self._left else None

    def acknowledged(self, number: int) -> None:
        while self._unsaved and self._unsaved[0].number <= number:
            seen = self._unsaved.popleft()
            self._watch.cursors.save(seen.member, Checkpoint(seen.processed_ms, {}))

    def close(self) -> None:
        self._rest.close()
        self._login.close()

    def _new_round(self) -> None:
        enrolled = set(self._watch.natives())
        self._left.extend(member for member in sorted(self._tokens) if member in enrolled)
        self._refused = 0
        self._expired = set()

    def _page(self, member: str) -> list[msgspec.Raw]:
        params: dict[str, str | int] = {"q": "memberAndApplication", "count": PAGE_EVENTS}
        if (cursor := self._cursor(member)) is not None:
            params["startTime"] = cursor
        body = self._rest.get("/rest/memberChangeLogs", headers=self._tokens[member].header(), **params)
        return understood(body, Page).elements

    def _fresh(self, member: str, elements: Sequence[msgspec.Raw]) -> list[Found]:
        """Those that the page before did not have; the cursor then stands after them."""
        found, cursor, ids = [], self._cursor(member) or 0, set[int | str | bytes]()
        known = self._known.get(member, set())
        for raw in elements:
            element = _element(raw)
            key = bytes(raw) if element is None else element.id
            if key not in known:
                found.append(Found(bytes(raw)))
            ids.add(key)
            cursor = max(cursor, element.processed_at if element else 0)
        self._known[member] = ids
        self._number += len(found)
        if found and cursor:
            self._cursors[member] = cursor
            self._unsaved.append(_Seen(self._number, member, cursor))
        return found

    def _cursor(self, member: str) -> int | None:
        if member not in self._cursors:
            saved = self._watch.cursors.load(member)
            if saved is None or saved.position is None:
                return None
            self._cursors[member] = saved.position
        return self._cursors[member]

    def _skip(self, error: Refused) -> None:
        """One member's token is refused: the others go on. All of them refused is for somebody to look at."""
        self._left.popleft()
        self._refused += 1
        log.warning("a member's token is refused", status=error.status)
        if not self._left and self._refused >= len(self._tokens):
            raise SourceUnavailable(
                "LinkedIn refuses every member's token: they have to give their consent again"
            ) from error


def _element(raw: msgspec.Raw) -> Element | None:
    """None for one that is not even an element: it becomes a dead letter."""
    try:
        return msgspec.json.decode(raw, type=Element)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
