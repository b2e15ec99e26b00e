"""A network between one worker and the broker that can break: a TCP proxy in a thread.

It breaks in two ways. Abruptly: connections are reset and new ones refused. Silently: nothing passes any more, and what
waits is delivered late when it heals, as after a lost route.
"""

import asyncio
import threading
from collections.abc import Callable

from presence.broker.properties import HOST

CHUNK_BYTES = 65_536


class Proxy:
    """Passes what comes to its `port` on to `target_port`, both of this machine."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._passing = asyncio.Event()
        self._refusing = False
        self._open: set[asyncio.StreamWriter] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-proxy", daemon=True)
        self._thread.start()
        self._started.wait()

    def cut(self, *, abrupt: bool) -> None:
        """Break."""
        self._call(self._reset if abrupt else self._passing.clear)

    def heal(self) -> None:
        """Pass again."""
        self._call(self._pass)

    def close(self) -> None:
        """End the thread; connections are reset."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, action: Callable[[], None]) -> None:
        """Let the thread do it; returns when it is done."""
        done = threading.Event()
        self._loop.call_soon_threadsafe(action)
        self._loop.call_soon_threadsafe(done.set)
        done.wait()

    def _run(self) -> None:
        self._passing.set()
        server = self._loop.run_until_complete(asyncio.start_server(self._accept, HOST, 0))
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # Sockets that were reset are closed in the loop's next turn.

    def _reset(self) -> None:
        self._refusing = True
        for writer in self._open:
            writer.transport.abort()

    def _pass(self) -> None:
        self._refusing = False
        self._passing.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            if not self._refusing:
                await self._join(reader, writer)
        except OSError:
            pass  # Either side may reset; the other is then reset as well.
        finally:
            writer.transport.abort()
            self._open.discard(writer)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(HOST, self.target_port)
        ways = [
            asyncio.create_task(self._pump(reader, far_writer)),
            asyncio.create_task(self._pump(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            far_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK_BYTES):
            await self._passing.wait()
            writer.write(data)
            await writer.drain()
