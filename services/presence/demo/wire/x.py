"""X's Activity API as it speaks on the wire: one answer without an end, a line for each thing that happens."""

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence

from presence.demo.wire.api import CHUNKED, Answer, Api, Asked

PATH = "/2/activity/stream"
LOOK_S = 0.02


class Backfilled(Api):
    """What is told goes to whoever is connected; who comes back is told again what was in the minutes that they ask for."""

    def __init__(self) -> None:
        super().__init__()
        self._told: list[tuple[float, bytes]] = []

    def tell(self, line: bytes) -> None:
        self._told.append((time.monotonic(), line))

    def answer(self, asked: Asked) -> Answer:
        since_s = time.monotonic() - 60 * int(asked.query.get("backfill_minutes", "0"))
        return Answer(200, self._lines(bisect_left(self._told, (since_s, b""))), CHUNKED)

    def _lines(self, number: int) -> Iterator[bytes]:
        while not self.closing.wait(LOOK_S):
            new = self._told[number:]
            number += len(new)
            if new:
                yield b"".join(line for _, line in new)


class ActivityStream(Api):
    """Each connection gets the next of `connections`, what it sends as it stands, and is then cut.

    Bytes are a chunk, an Event is waited for, an Answer is the whole answer. After the last, connections stay open.
    """

    def __init__(self, *connections: Sequence[bytes | threading.Event] | Answer) -> None:
        super().__init__()
        self.connections = deque(connections)

    def answer(self, asked: Asked) -> Answer:
        if asked.path != PATH:
            return Answer(404, b"")
        script = self.connections.popleft() if self.connections else (self.closing,)
        return script if isinstance(script, Answer) else Answer(200, self._told(script), CHUNKED)

    def _told(self, script: Sequence[bytes | threading.Event]) -> Iterator[bytes]:
        for step in script:
            if isinstance(step, bytes):
                yield step
                continue
            while not self.closing.is_set() and not step.wait(LOOK_S):
                pass
