"""A network that answers one request for ever, a line for each thing that happens, and an empty one while nothing does.

A thread reads, so that the runner never waits for the network; what is read and not yet taken is bounded, and then the network
has to wait. Positions are microseconds of receipt.
"""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from queue import Empty, Full, Queue

import httpx
import structlog

from presence.events.errors import SourceUnavailable
from presence.ingest.backoff import Backoff
from presence.ingest.frames import FRAME_BYTES_MAX, HEAD_BYTES, Frame
from presence.ingest.rest import wait_s
from presence.log.clock import now_ms

CONNECT_TIMEOUT_S = 5.0
OVERLAP_US = 300_000_000
"""Five minutes: as far back as a network that fills gaps goes."""
QUEUED_LINES_MAX = 4_096
LINES_AT_ONCE = 512
READ_WAIT_S = 0.1
CLOSE_TIMEOUT_S = 1.0
FIRST_TRIES_MAX = 8
TRIES_MAX = 500
"""After an outage of some hours somebody has to look; 8 tries are enough for an address that never answered."""

log = structlog.get_logger()


class LinesStream:
    """Connects again by itself; gives up with SourceUnavailable if it is refused, or after a bounded number of tries."""

    overlap = OVERLAP_US
    done = False

    def __init__(
        self,
        url: str,
        label: str,
        *,
        headers: Mapping[str, str],
        silence_s_max: float,
        params: Callable[[int | None], Mapping[str, str]] = lambda _: {},
    ) -> None:
        """`silence_s_max`: longer than the network lets a line wait. `params` of a request, by the last position in ms."""
        self.label = label
        self._url = url
        self._params = params
        timeout = httpx.Timeout(silence_s_max, connect=CONNECT_TIMEOUT_S)
        self._client = httpx.Client(headers=headers, timeout=timeout)
        self._queue: Queue[Frame] = Queue(QUEUED_LINES_MAX)
        self._stop = threading.Event()
        self._failure: SourceUnavailable | None = None
        self._backoff = Backoff(first_s=1, longest_s=60)
        self._was_connected = False
        self._is_connected = False
        self._socket: socket.socket | None = None
        self._position = 0
        self._heard_us: int | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def complete_ms(self) -> int | None:
        """Now, while it is connected and everything that was read is taken."""
        return now_ms() if self._is_connected and self._queue.empty() else None

    def start(self, position: int | None) -> None:
        self._heard_us = position
        self._position = position or 0
        self._thread.start()

    def read(self) -> Sequence[Frame]:
        frames: list[Frame] = []
        try:
            while len(frames) < LINES_AT_ONCE:
                frames.append(self._queue.get_nowait() if frames else self._queue.get(timeout=READ_WAIT_S))
        except Empty:
            pass
        if not frames and self._failure is not None:
            raise self._failure
        return frames

    def close(self) -> None:
        self._stop.set()
        if (connection := self._socket) is not None:
            with suppress(OSError):  # It may be closed already.
                connection.shutdown(socket.SHUT_RDWR)
        if self._thread.ident is not None:
            self._thread.join(timeout=CLOSE_TIMEOUT_S)  # One that is still connecting ends with the process.

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._failed(*self._listen())
        except SourceUnavailable as error:
            self._failure = error
        finally:
            self._client.close()

    def _listen(self) -> tuple[str, float]:
        """Read until the connection ends: why it did, and how long the network asks us to wait.

        Raises SourceUnavailable if the network refuses us.
        """
        heard_ms = self._heard_us // 1000 if self._heard_us else None
        try:
            with self._client.stream("GET", self._url, params=dict(self._params(heard_ms))) as answer:
                if answer.status_code != 200:
                    return self._refused(answer)
                self._socket = answer.extensions["network_stream"].get_extra_info("socket")
                log.info("connected", url=self._url)
                self._was_connected = self._is_connected = True
                for data, size_bytes in _lines(answer.iter_bytes()):
                    self._put(data, size_bytes)
        except (httpx.HTTPError, OSError) as error:
            return type(error).__name__, 0.0
        finally:
            self._is_connected, self._socket = False, None
        return "the stream ended", 0.0

    def _put(self, data: bytes, size_bytes: int) -> None:
        self._position = max(self._position + 1, now_ms() * 1000)
        self._heard_us = self._position
        self._backoff.succeeded()
        if not data:
            return  # An empty line only says that the other side is there.
        frame = Frame(data, self._position, size_bytes)
        while not self._stop.is_set():
            try:
                self._queue.put(frame, timeout=READ_WAIT_S)
            except Full:
                continue
            return

    def _refused(self, answer: httpx.Response) -> tuple[str, float]:
        status = answer.status_code
        if 400 <= status < 500 and status not in {408, 420, 425, 429}:
            raise SourceUnavailable(f"{self._url} refused us with HTTP status {status}")
        return f"HTTP status {status}", wait_s(answer.headers)

    def _failed(self, why: str, asked_s: float) -> None:
        """Wait before the next try. Raises SourceUnavailable after too many."""
        if self._stop.is_set():
            return
        pause_s = max(asked_s, self._backoff.failed())
        if self._backoff.failures >= (TRIES_MAX if self._was_connected else FIRST_TRIES_MAX):
            raise SourceUnavailable(f"{self._url} is out of reach: {why}, {self._backoff.failures} times")
        log.warning("no connection", url=self._url, why=why, retry_in_s=round(pause_s, 1))
        self._stop.wait(pause_s)


def _lines(parts: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    """Each line without its end, and its true length: of one that is too long, only its head is kept."""
    held, dropped = b"", 0
    for part in parts:
        *whole, rest = (held + part).split(b"\n")
        for line in whole:
            data = line.rstrip(b"\r")
            size_bytes = dropped + len(data)
            yield data if size_bytes <= FRAME_BYTES_MAX else data[:HEAD_BYTES], size_bytes
            dropped = 0
        held = rest
        if dropped + len(held) > FRAME_BYTES_MAX:
            dropped, held = dropped + len(held) - HEAD_BYTES, held[:HEAD_BYTES]
