"""X's Activity API as it speaks on the wire: one answer without an end, a line for each thing that happens."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence

from presence.demo.wire.api import CHUNKED, Answer, Api, Asked

PATH = "/2/activity/stream"
STEP_S_MAX = 60


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
            while not self.closing.is_set() and not step.wait(0.02):
                pass
