"""A Jetstream server for demonstrations and tests: it plays given frames over a real websocket, by the real protocol.

It speaks what a client of v1 relies on (https://github.com/bluesky-social/jetstream): `wantedCollections`, `wantedDids`,
`maxMessageSizeBytes`, `cursor`, `requireHello`, `options_update`, one text message per frame.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

BUFFERED_FRAMES_MAX = 100_000
"""How many played frames are kept for a client that comes back with a cursor."""
SENT_AT_ONCE = 100
ACCOUNTS_MAX, COLLECTIONS_MAX = 10_000, 100
CLIENT_MESSAGE_BYTES_MAX = 10_000_000
TICK_S = 0.001


class _Commit(msgspec.Struct):
    collection: str = ""


class _Head(msgspec.Struct):
    """As much of a frame as filters look at."""

    did: str = ""
    time_us: int = 0
    commit: _Commit | None = None


class _Options(msgspec.Struct, rename="camel"):
    """What a client wants; an empty list means all. Identity and account frames pass every filter of collections."""

    wanted_collections: tuple[str, ...] = ()
    wanted_dids: frozenset[str] = frozenset()
    max_message_size_bytes: int = 0

    def __post_init__(self) -> None:
        if len(self.wanted_collections) > COLLECTIONS_MAX or len(self.wanted_dids) > ACCOUNTS_MAX:
            raise ValueError("too many wanted collections or DIDs")

    def want(self, head: _Head, frame: bytes) -> bool:
        if 0 < self.max_message_size_bytes < len(frame):
            return False
        if self.wanted_dids and head.did not in self.wanted_dids:
            return False
        collection = head.commit.collection if head.commit else ""
        return not (self.wanted_collections and collection) or any(
            collection == one or (one.endswith(".*") and collection.startswith(one[:-1]))
            for one in self.wanted_collections
        )


class _Message(msgspec.Struct):
    type: str
    payload: _Options


@dataclass(slots=True, eq=False)
class _Client:
    connection: ServerConnection
    options: _Options
    number: int = 0
    """Of the next frame to look at."""
    hello: asyncio.Event = field(default_factory=asyncio.Event)


class Jetstream:
    """Plays `frames` to all clients, from the moment that the first one listens; `rate_per_s` None: as fast as it goes.

    `held`: not before `release`, whoever listens.

    A frame that is not JSON goes to everybody, to see what a client makes of it. `sent` counts the messages to clients,
    replayed ones too; `done` is set when a client has been sent everything up to the last frame.
    """

    def __init__(
        self, frames: Iterable[bytes], *, rate_per_s: float | None, port: int = 0, held: bool = False
    ) -> None:
        self._frames: Iterator[bytes] = iter(frames)
        self._rate_per_s = rate_per_s
        self._port = port
        self._buffer: deque[tuple[_Head, bytes]] = deque(maxlen=BUFFERED_FRAMES_MAX)
        self._played = 0
        self._exhausted = False
        self._drops: deque[int] = deque()
        self._clients: set[_Client] = set()
        self._loop = asyncio.new_event_loop()
        self._joined, self._stopping, self._released = asyncio.Event(), asyncio.Event(), asyncio.Event()
        if not held:
            self._released.set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jetstream", daemon=True)
        self.sent = 0
        self.connections = 0
        self.done = threading.Event()

    @property
    def url(self) -> str:
        """Where clients connect; the port is known after `start`."""
        return f"ws://127.0.0.1:{self._port}/subscribe"

    def start(self) -> None:
        """Return when clients can connect."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Close all connections and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def release(self) -> None:
        """Play what was held."""
        self._loop.call_soon_threadsafe(self._released.set)

    def drop_at(self, *played: int) -> None:
        """Cut all clients off when that many frames have been played; to be said before the first one connects.

        Where nobody listens then, nothing more is played before somebody does.
        """
        self._drops = deque(sorted(played))

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with serve(
            self._answer,
            "127.0.0.1",
            self._port,
            process_request=_refusal,
            compression=None,
            max_size=CLIENT_MESSAGE_BYTES_MAX,
        ) as server:
            self._port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            player = asyncio.create_task(self._play())
            await self._stopping.wait()
            await _cancelled(player)

    async def _play(self) -> None:
        await self._joined.wait()
        await self._released.wait()
        began_s = self._loop.time()
        while not self._exhausted:
            count = self._due(began_s)
            batch = list(islice(self._frames, count))
            self._exhausted = len(batch) < count
            self._buffer.extend((_head(frame), frame) for frame in batch)
            self._played += len(batch)
            if self._drops and self._clients and self._played >= self._drops[0]:
                self._drops.popleft()
                for client in self._clients:
                    client.connection.transport.abort()
                self._clients.clear()
            await asyncio.sleep(TICK_S if count < SENT_AT_ONCE else 0)

    def _due(self, began_s: float) -> int:
        """How many frames to play now."""
        if self._rate_per_s is not None:
            due = int((self._loop.time() - began_s) * self._rate_per_s) - self._played
        else:  # No faster than the slowest client reads, so that none falls out of the buffer.
            slowest = min((client.number for client in self._clients), default=-BUFFERED_FRAMES_MAX)
            due = slowest + BUFFERED_FRAMES_MAX // 2 - self._played
        if self._drops:
            due = min(due, self._drops[0] - self._played)
        return max(0, min(due, SENT_AT_ONCE))

    async def _answer(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = _query(connection.request)
        client = _Client(connection, _asked(query))
        if query.get("requireHello") != ["true"]:
            client.hello.set()
        listener = asyncio.create_task(_listen(client))
        try:
            await client.hello.wait()
            await self._send(client, _cursor(query))
        except ConnectionClosed:
            pass
        finally:
            self._clients.discard(client)
            await _cancelled(listener)

    async def _send(self, client: _Client, cursor: int) -> None:
        """Without a cursor what is played from now on; else first what is still there of what was played since."""
        if client.connection.close_code is not None:
            return
        client.number = self._number_at(cursor) if cursor else self._played
        self._clients.add(client)
        self.connections += 1
        self._joined.set()
        while client.connection.close_code is None:
            if client.number >= self._played:
                if self._exhausted:
                    self.done.set()
                await asyncio.sleep(TICK_S)
                continue
            oldest = self._played - len(self._buffer)
            client.number = max(client.number, oldest)
            start = client.number - oldest
            for head, frame in list(islice(self._buffer, start, start + SENT_AT_ONCE)):
                client.number += 1
                if client.options.want(head, frame):
                    await client.connection.send(frame, text=True)
                    self.sent += 1
            await asyncio.sleep(0)

    def _number_at(self, cursor: int) -> int:
        oldest = self._played - len(self._buffer)
        times = (number for number, (head, _) in enumerate(self._buffer, oldest) if head.time_us >= cursor)
        return next(times, self._played)


def _head(frame: bytes) -> _Head:
    try:
        return msgspec.json.decode(frame, type=_Head)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return _Head()


def _query(request: Request) -> Mapping[str, Sequence[str]]:
    return parse_qs(urlsplit(request.path).query)


def _cursor(query: Mapping[str, Sequence[str]]) -> int:
    return int(query.get("cursor", ["0"])[0])


def _asked(query: Mapping[str, Sequence[str]]) -> _Options:
    return _Options(
        tuple(query.get("wantedCollections", ())),
        frozenset(query.get("wantedDids", ())),
        int(query.get("maxMessageSizeBytes", ["0"])[0]),
    )


def _refusal(connection: ServerConnection, request: Request) -> Response | None:
    """HTTP's answer to what is no subscription."""
    if urlsplit(request.path).path != "/subscribe":
        return connection.respond(HTTPStatus.NOT_FOUND, "there is only /subscribe\n")
    try:
        _asked(_query(request))
        _cursor(_query(request))
    except ValueError:
        return connection.respond(HTTPStatus.BAD_REQUEST, "invalid options\n")
    return None


async def _listen(client: _Client) -> None:
    """Take the client's `options_update`; a wrong one ends the connection."""
    with suppress(ConnectionClosed):
        async for text in client.connection:
            try:
                message = msgspec.json.decode(text, type=_Message)
            except msgspec.DecodeError:
                await client.connection.close(1007, "invalid options")
                break
            if message.type == "options_update":
                client.options = message.payload
                client.hello.set()
    client.hello.set()  # Who has gone is not waited for any more; sending then ends by itself.


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
