"""The serving processes of a gateway: started, started again when one dies, and ended with their writer."""

import asyncio
import os
import sys
from collections.abc import Sequence

import structlog

from presence.gateway.session import Bell

RESTART_S = 1.0
STOP_S = 5.0
"""Longer than a server's own grace."""

log = structlog.get_logger(__name__)


class Crew:
    """`processes` servers, each `python -m presence.gateway.serve` with these arguments and its number."""

    def __init__(self, processes: int, arguments: Sequence[str], bell: Bell) -> None:
        self._processes = processes
        self._arguments = arguments
        self._bell = bell
        self._stopping = False
        self._listening = 0
        self._pipes: set[int] = set()
        self.listening = asyncio.Event()
        """Set when each has listened once."""

    async def run(self) -> int:
        """Keep them running until `stop`; returns 0, or the exit code of one that could not even begin."""
        keeping = [asyncio.create_task(self._keep(number)) for number in range(self._processes)]
        ended, others = await asyncio.wait(keeping, return_when=asyncio.FIRST_COMPLETED)
        self.stop()
        if others:
            await asyncio.wait(others)
        return next((task.result() for task in (*ended, *others) if task.result()), 0)

    def stop(self) -> None:
        """Close the pipes: each server sees that, and ends within its grace."""
        self._stopping = True
        while self._pipes:
            self._bell.remove(self._pipes.pop())

    async def _keep(self, number: int) -> int:
        begun = False
        while not self._stopping:
            process, pipe = await self._start(number)
            assert process.stdout is not None
            if await process.stdout.readline() and not begun:
                begun = True
                self._listening += 1
                if self._listening == self._processes:
                    self.listening.set()
            code = await self._ended(process)
            if pipe in self._pipes:
                self._pipes.discard(pipe)
                self._bell.remove(pipe)
            if not begun:
                return code
            if not self._stopping:
                log.error("server_ended", number=number, exit_code=code)
                await asyncio.sleep(RESTART_S)
        return 0

    async def _start(self, number: int) -> tuple[asyncio.subprocess.Process, int]:
        ours, theirs = _pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "presence.gateway.serve",
                *self._arguments,
                str(number),
                stdin=theirs,
                stdout=asyncio.subprocess.PIPE,
            )
        finally:
            os.close(theirs)
        self._bell.add(ours)
        self._pipes.add(ours)
        return process, ours

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        waiting = asyncio.create_task(process.wait())
        while not self._stopping:
            done, _ = await asyncio.wait((waiting,), timeout=RESTART_S)
            if done:
                return waiting.result()
        done, _ = await asyncio.wait((waiting,), timeout=STOP_S)
        if not done:
            process.kill()
        return await waiting


def _pipe() -> tuple[int, int]:
    """Our end and the server's."""
    theirs, ours = os.pipe()
    return ours, theirs
