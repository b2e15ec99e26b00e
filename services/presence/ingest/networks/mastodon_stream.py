"""One account's event stream, read by a thread into a bounded queue: https://docs.joinmastodon.org/methods/streaming/.

A stream cannot be resumed, so its reader says when it has begun: what was before has then to be asked for.
"""

import threading
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import NamedTuple

from presence.events.errors import RetryLater, SourceUnavailable
from presence.ingest.rest import Rest
from presence.ingest.sse import EventParser, ServerEvent

QUEUED_MAX = 1_024
"""Events; then the server has to wait, and what it drops is asked for after the next beginning."""
SILENCE_S_MAX = 60.0
"""The server sends a heartbeat every 15 seconds."""
PUT_POLL_S = 0.5


class Ended(NamedTuple):
    """The stream is over; `error` says for how long to leave it."""

    error: RetryLater | SourceUnavailable


BEGUN = None
Told = ServerEvent | Ended | None
"""What stands in the queue: an event, the end, or BEGUN."""


class Stream:
    """Reads until it is closed or ends; then another has to be made."""

    def __init__(self, rest: Rest, path: str, token: str) -> None:
        self._rest = rest
        self._path = path
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
        self._queue: Queue[Told] = Queue(QUEUED_MAX)
        self._closed = threading.Event()
        threading.Thread(target=self._run, daemon=True, name="mastodon stream").start()

    def __len__(self) -> int:
        return self._queue.qsize()

    def next(self) -> Told:
        """What came next. Raises queue.Empty if nothing has."""
        return self._queue.get_nowait()

    def close(self) -> None:
        """The thread ends with the next byte or heartbeat; nobody has to wait for it."""
        self._closed.set()
        with suppress(Empty):
            while True:
                self._queue.get_nowait()

    def _run(self) -> None:
        parser = EventParser()
        try:
            with self._rest.listen(self._path, self._headers, silence_s_max=SILENCE_S_MAX) as parts:
                self._put(BEGUN)
                for part in parts:
                    for event in parser.feed(part):
                        self._put(event)
                    if self._closed.is_set():
                        return
            self._put(Ended(RetryLater("the stream has ended", after_s=0)))
        except (RetryLater, SourceUnavailable) as error:
            self._put(Ended(error))

    def _put(self, told: Told) -> None:
        while not self._closed.is_set():
            with suppress(Full):
                self._queue.put(told, timeout=PUT_POLL_S)
                return
