"""Bluesky's stream: the Jetstream websocket. Its positions are microseconds, as the server's `time_us` tells them.

The protocol: https://github.com/bluesky-social/jetstream (v1: `/subscribe`). The server replays from `cursor` on, but the
clocks of two servers differ, so a resumed stream starts OVERLAP_US earlier. Frames come uncompressed, which spares the server.
"""

import re
import time
from collections.abc import Callable, Sequence
from urllib.parse import urlencode, urlsplit

import msgspec
import structlog
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException
from websockets.sync.client import ClientConnection, connect

from presence.events.door import FUTURE_MS_MAX
from presence.events.errors import CallerError, SourceUnavailable
from presence.ingest.backoff import Backoff
from presence.ingest.frames import FRAME_BYTES_MAX, Frame, cut
from presence.log.clock import now_ms

PUBLIC_URL = "wss://jetstream2.us-east.bsky.network/subscribe"
OVERLAP_US = 5_000_000
MESSAGE_BYTES_MAX = 16 * FRAME_BYTES_MAX
"""What the server is asked to leave out, and what ends the connection if it does not; a shorter one that is still too
long becomes a dead letter."""
ACCOUNTS_MAX = 10_000
"""The server's limit of `wantedDids`."""
FRAMES_AT_ONCE = 512
QUEUED_FRAMES_MAX = 1024
READ_TIMEOUT_S = 0.1
OPEN_TIMEOUT_S = 3
PING_S = 20
FIRST_TRIES_MAX = 8
QUIET_S = 300.0
"""A connection that answers pings and says nothing for so long has nothing to say; a replay may be silent while it scans."""
TRIES_MAX = 500
"""After an outage of some two hours somebody has to look; 8 tries are enough for an address that never answered."""

_TIME_US = re.compile(rb'"time_us":\s*([0-9]{1,19})[,}\s]')
_POSITION_IN_BYTES_MAX = 4096

log = structlog.get_logger()


class Accounts:
    """Whose frames the server shall send: `natives` as of `version`, which changes when they do."""

    def __init__(self, natives: Callable[[], Sequence[str]], version: Callable[[], int]) -> None:
        self.natives = natives
        self.version = version


class JetstreamSource:
    """Reconnects by itself; gives up with SourceUnavailable after a bounded number of tries without a new frame."""

    overlap = OVERLAP_US
    done = False

    def __init__(self, url: str, collections: Sequence[str], accounts: Accounts | None = None) -> None:
        """`accounts`: let the server send only what these wrote. Raises CallerError if `url` is not a websocket's."""
        if urlsplit(url).scheme not in {"ws", "wss"} or not urlsplit(url).netloc:
            raise CallerError(f"{url} is not a websocket's address: it begins with ws:// or wss://")
        self.label = "jetstream"
        self._url = url
        self._collections = list(collections)
        self._accounts = accounts
        self._accounts_version: int | None = None
        self._connection: ClientConnection | None = None
        self._position: int | None = None
        self._next_try_s = 0.0
        self._backoff = Backoff(first_s=0.5, longest_s=30)
        self._was_connected = False
        self._heard_s = 0.0

    def start(self, position: int | None) -> None:
        self._position = position

    @property
    def complete_ms(self) -> int | None:
        """The newest frame's time, less what a later frame may be behind it; the time QUIET_S ago on a quiet connection."""
        if self._connection is not None and time.monotonic() - self._heard_s > QUIET_S:
            return now_ms() - round(QUIET_S * 1000)
        return (self._position - OVERLAP_US) // 1000 if self._position else None

    def read(self) -> Sequence[Frame]:
        try:
            connection = self._connected()
            if connection is None:
                return ()
            self._tell_accounts(connection)
            return self._receive(connection)
        except ConnectionClosed as error:
            self._failed(f"closed with {error.rcvd.code if error.rcvd else 'no code'}")
        except (InvalidURI, WebSocketException, OSError, EOFError) as error:
            self._refused(error)
        return ()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> ClientConnection | None:
        """The connection; None after a short wait if it is not yet time to try again."""
        if self._connection is None:
            wait_s = self._next_try_s - time.monotonic()
            if wait_s > 0:
                time.sleep(min(wait_s, READ_TIMEOUT_S))
                return None
            self._connection = connect(
                f"{self._url}?{urlencode(self._query(), doseq=True)}",
                compression=None,
                open_timeout=OPEN_TIMEOUT_S,
                ping_interval=PING_S,
                ping_timeout=PING_S,
                close_timeout=1,
                max_size=MESSAGE_BYTES_MAX,
                max_queue=QUEUED_FRAMES_MAX,
                legacy=True,
            )
            self._was_connected = True
            self._heard_s = time.monotonic()
            self._accounts_version = None
            log.info("connected", url=self._url, cursor=self._cursor())
        return self._connection

    def _query(self) -> dict[str, object]:
        query: dict[str, object] = {
            "wantedCollections": self._collections,
            "maxMessageSizeBytes": MESSAGE_BYTES_MAX,
        }
        if (cursor := self._cursor()) is not None:
            query["cursor"] = cursor
        if self._accounts is not None:
            # Ten thousand DIDs do not fit into an address, and none at all would mean everybody's:
            # so the server waits until it is told.
            query["requireHello"] = "true"
        return query

    def _cursor(self) -> int | None:
        """Where to begin; None, which is the server's present, as long as no frame has told its position."""
        return max(self._position - OVERLAP_US, 1) if self._position else None

    def _tell_accounts(self, connection: ClientConnection) -> None:
        if self._accounts is None or self._accounts.version() == self._accounts_version:
            return
        natives = sorted(self._accounts.natives())
        self._accounts_version = self._accounts.version()
        if len(natives) > ACCOUNTS_MAX:
            raise SourceUnavailable(
                f"{len(natives)} accounts are enrolled, and the server takes {ACCOUNTS_MAX}: use the mode enrolled"
            )
        if natives:
            payload = {
                "wantedCollections": self._collections,
                "wantedDids": natives,
                "maxMessageSizeBytes": MESSAGE_BYTES_MAX,
            }
            connection.send(msgspec.json.encode({"type": "options_update", "payload": payload}), text=True)

    def _receive(self, connection: ClientConnection) -> Sequence[Frame]:
        frames: list[Frame] = []
        timeout_s, bytes_left = READ_TIMEOUT_S, MESSAGE_BYTES_MAX
        try:
            while len(frames) < FRAMES_AT_ONCE and bytes_left > 0:
                data = connection.recv(timeout_s, decode=False)
                frames.append(self._frame(data))
                timeout_s, bytes_left = 0, bytes_left - len(data)
        except TimeoutError:
            pass
        except ConnectionClosed as error:
            if not frames:
                raise
            self._failed(f"closed with {error.rcvd.code if error.rcvd else 'no code'}")
        if frames:
            self._heard_s = time.monotonic()
        return frames

    def _frame(self, data: bytes) -> Frame:
        """The frame, at the position that it names; one that names none, or none that can be, stands where the last did."""
        found = _TIME_US.search(data, 0, _POSITION_IN_BYTES_MAX)
        position = int(found[1]) if found else 0
        if 0 < position <= (now_ms() + FUTURE_MS_MAX) * 1000:
            if self._position is None or position > self._position:
                self._position = position
                self._backoff.succeeded()
        else:
            position = self._position or 0
        return cut(data, position)

    def _refused(self, error: Exception) -> None:
        if isinstance(error, InvalidURI):
            raise CallerError(f"{self._url} is not a websocket's address") from error
        status = error.response.status_code if isinstance(error, InvalidStatus) else 0
        if 400 <= status < 500 and status != 429:
            raise SourceUnavailable(f"{self._url} refused us with HTTP status {status}") from error
        self._failed(f"{type(error).__name__}{f' {status}' if status else ''}")

    def _failed(self, why: str) -> None:
        """Forget the connection; the next try is after a while. Raises SourceUnavailable after too many."""
        self.close()
        wait_s = self._backoff.failed()
        self._next_try_s = time.monotonic() + wait_s
        if self._backoff.failures >= (TRIES_MAX if self._was_connected else FIRST_TRIES_MAX):
            raise SourceUnavailable(f"{self._url} is out of reach: {why}, {self._backoff.failures} times")
        log.warning("no connection", url=self._url, why=why, retry_in_s=round(wait_s, 1))
