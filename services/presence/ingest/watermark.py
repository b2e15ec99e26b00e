"""How far a network's acts are complete in the log: a WATERMARK for every partition, at most once a minute.

While a source is away none is written, so the outage shows in the log itself, and nobody declines on that network.
"""

import time
from collections.abc import Callable
from typing import Protocol

from presence.ingest.cursor import Checkpoint
from presence.log.clock import now_ms

EVERY_S = 60.0
"""The model counts in days; a minute late is nothing, and costs a record per partition."""


class Marks(Protocol):
    """Where the newest mark is kept; see CursorStore."""

    def load(self, name: str) -> Checkpoint | None: ...
    def save(self, name: str, checkpoint: Checkpoint) -> None: ...


def mark_name(source: str) -> str:
    """The name under which the mark of the source with this label is kept."""
    return f"{source}:complete"


class Watermark:
    """Never goes back, also not over a crash: a mark is saved before it is sent."""

    def __init__(self, marks: Marks, source: str, send: Callable[[int], None]) -> None:
        """`source`: its label. `send` puts one mark behind everything that was sent before."""
        self._marks = marks
        self._name = mark_name(source)
        self._send = send
        self._next_s = 0.0
        saved = marks.load(self._name)
        self.newest_ms = saved.position if saved and saved.position is not None else 0
        """The last mark; 0 before the first."""

    def advance(self, complete_ms: int | None) -> None:
        """Tell the log, if it is time, that everything up to `complete_ms` is in it; None: nobody knows."""
        if complete_ms is None or time.monotonic() < self._next_s:
            return
        complete_ms = min(complete_ms, now_ms())
        if complete_ms > self.newest_ms:
            self._marks.save(self._name, Checkpoint(complete_ms, {}))
            self.newest_ms = complete_ms
            self._send(complete_ms)
            self._next_s = time.monotonic() + EVERY_S
