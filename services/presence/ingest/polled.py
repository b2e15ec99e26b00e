"""A network that is asked again and again. Its frames are numbered; what is in the log is told back by that number."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import structlog

from presence.events.errors import RetryLater, SourceUnavailable
from presence.ingest.backoff import Backoff
from presence.ingest.cursor import CursorStore
from presence.ingest.frames import Frame, cut
from presence.log.clock import now_ms

READ_WAIT_S = 0.1
FIRST_TRIES_MAX = 8
TRIES_MAX = 500
"""In a row; after an outage of some two hours somebody has to look."""

log = structlog.get_logger()


class Found(NamedTuple):
    """What becomes one frame."""

    data: bytes
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """What a poller may know of this deployment: whose accounts are enrolled, and where it can keep a place per account.

    `url`: another address of the network's API, as of a proxy; empty for the network's own.
    """

    natives: Callable[[], Sequence[str]]
    cursors: CursorStore
    url: str = ""


class Poller(Protocol):
    """One network's questions. One thread."""

    every_s: float
    """How long to wait after everything was asked once."""

    def step(self) -> Sequence[Found] | None:
        """Ask one thing; None when everything was asked, and the next step begins anew.

        Raises RetryLater if the same step has to be tried again later, SourceUnavailable to give up.
        """

    def acknowledged(self, number: int) -> None:
        """The first `number` of all that `step` has found, counted from this start, is in the log."""

    def close(self) -> None: ...


class PolledSource:
    """Asks when it is time; waits as long as the network says, or longer each time if it says nothing."""

    overlap = 0
    done = False
    label = "polled"
    complete_ms: int | None = None
    """When the last round began in which everything was asked."""

    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self._next_s = 0.0
        self._number = 0
        self._answered = False
        self._round_began_ms: int | None = None
        self._backoff = Backoff(first_s=1, longest_s=60)

    def start(self, position: int | None) -> None:
        """A poller keeps its places itself; numbers begin with 1 each time."""

    def read(self) -> Sequence[Frame]:
        wait_s = self._next_s - time.monotonic()
        if wait_s > 0:
            time.sleep(min(wait_s, READ_WAIT_S))
            return ()
        if self._round_began_ms is None:
            self._round_began_ms = now_ms()
        try:
            found = self._poller.step()
        except RetryLater as error:
            self._wait(error)
            return ()
        self._answered = True
        self._backoff.succeeded()
        if found is None:
            self.complete_ms, self._round_began_ms = self._round_began_ms, None
            self._next_s = time.monotonic() + self._poller.every_s
            return ()
        return [self._frame(each) for each in found]

    def acknowledged(self, position: int) -> None:
        self._poller.acknowledged(position)

    def close(self) -> None:
        self._poller.close()

    def _frame(self, found: Found) -> Frame:
        self._number += 1
        frame = cut(found.data, self._number)
        return Frame(frame.data, frame.position, frame.size_bytes, found.kind)

    def _wait(self, error: RetryLater) -> None:
        wait_s = max(error.after_s, self._backoff.failed())
        if self._backoff.failures >= (TRIES_MAX if self._answered else FIRST_TRIES_MAX):
            raise SourceUnavailable(f"{error}, {self._backoff.failures} times") from error
        self._next_s = time.monotonic() + wait_s
        log.warning("asked to wait", why=str(error), retry_in_s=round(wait_s, 1))
