"""Where verified requests wait for the log: a source for the runner, and a promise for the sender.

The event loop posts, the runner's thread reads and acknowledges. Positions are microseconds of receipt, so a restart reads
the log of the last REDELIVERED_US again and knows what a sender that had no 200 sends once more.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple

from presence.events.errors import RetryLater
from presence.ingest.frames import Frame, cut
from presence.ingest.webhooks.hook import Letter
from presence.ingest.webhooks.limits import Limits
from presence.log.clock import now_ms

REDELIVERED_US = 3_600_000_000
"""The first hour of redeliveries meets a log that knows them; what comes later, the fold drops by its id."""
FRAMES_AT_ONCE = 256
IDLE_POLL_S = 0.1
ACK_POLL_S = 0.002
"""While a sender waits for the broker, whose answer takes some 10 ms."""


class _Waiting(NamedTuple):
    position: int
    size_bytes: int
    acknowledged: "asyncio.Future[None]"


class Inbox:
    """Bounded by `limits`; made and posted to in one event loop."""

    overlap = REDELIVERED_US
    label = "webhooks"
    done = False

    def __init__(self, limits: Limits, *, is_only_way: bool = False) -> None:
        """`is_only_way`: nothing but pushes tells of the network, so that while this is open, it is complete."""
        self._limits = limits
        self._is_only_way = is_only_way
        self._queue: SimpleQueue[Frame] = SimpleQueue()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._posted = self._read = self._acknowledged = 0

    @property
    def complete_ms(self) -> int | None:
        """Now, if all that was pushed is read. Whether the network has pushed all, only the network knows."""
        at_ms = now_ms()
        return at_ms if self._is_only_way and self._read == self._posted else None

    def post(self, letters: Sequence[Letter]) -> "asyncio.Future[None]":
        """Done when the log has all of `letters`. Raises RetryLater if there is no room for them."""
        self._loop = asyncio.get_running_loop()
        size_bytes = sum(len(letter.data) for letter in letters)
        if (
            len(self._waiting) + len(letters) > self._limits.unacknowledged_max
            or self._waiting_bytes + size_bytes > self._limits.bodies_bytes_max
        ):
            raise RetryLater("too much is waiting for the broker", after_s=self._limits.retry_after_s)
        acknowledged = self._loop.create_future()
        for letter in letters:
            self._posted = max(self._posted + 1, now_ms() * 1000)
            self._waiting.append(_Waiting(self._posted, len(letter.data), acknowledged))
            self._queue.put(cut(letter.data, self._posted, letter.kind))
        self._waiting_bytes += size_bytes
        return acknowledged

    def start(self, position: int | None) -> None:
        self._posted = self._read = position or 0

    def read(self) -> Sequence[Frame]:
        frames: list[Frame] = []
        deadline_s = time.monotonic() + (IDLE_POLL_S if self._read == self._acknowledged else ACK_POLL_S)
        try:
            while len(frames) < FRAMES_AT_ONCE:
                left_s = deadline_s - time.monotonic()
                frames.append(
                    self._queue.get(timeout=left_s) if not frames and left_s > 0 else self._queue.get_nowait()
                )
        except Empty:
            pass
        if frames:
            self._read = frames[-1].position
        return frames

    def acknowledge(self, position: int) -> None:
        """Everything up to `position` is in the log. For the runner's thread."""
        self._acknowledged = position
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._settle, position)

    def close(self) -> None:
        """Nothing to let go of; a sender that still waits is told by its own timeout."""

    def _settle(self, position: int) -> None:
        while self._waiting and self._waiting[0].position <= position:
            done = self._waiting.popleft()
            self._waiting_bytes -= done.size_bytes
            is_last = not self._waiting or self._waiting[0].acknowledged is not done.acknowledged
            if is_last and not done.acknowledged.done():
                done.acknowledged.set_result(None)
