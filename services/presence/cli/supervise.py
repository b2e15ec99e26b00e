"""Keeps services running: each is a process, its lines are told under its name, and one that ends by itself is started again.

The pauses before a start grow from one to thirty seconds while a service does not stay up. One that says that it was given
something wrong (exit code 2) would say so again: then everything ends. One that is done (exit code 0) is not started again.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

from presence.cli.context import EXIT_BAD_INPUT

PAUSE_S = 1.0
PAUSE_S_MAX = 30.0
STEADY_S = 60.0
"""Who has run for so long begins with the shortest pause again."""
STOP_S = 8.0
"""After SIGTERM; then SIGKILL."""
LINE_BYTES_MAX = 2**16
COLOURS = (36, 33, 32, 35, 34, 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A process to be kept running. `needed`: without it the others end, too, if it cannot run at all."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    needed: bool = True


def pause_s(failures: int) -> float:
    """How long to wait before a start, after so many that did not stay up.

    >>> [pause_s(failures) for failures in (1, 2, 3, 10)]
    [1.0, 2.0, 4.0, 30.0]
    """
    return float(min(PAUSE_S_MAX, PAUSE_S * 2.0 ** min(failures - 1, 10)))


@dataclass(slots=True)
class Supervisor:
    """Of some members; `run` is called once."""

    members: Sequence[Member]
    out: TextIO = field(default_factory=lambda: sys.stdout)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> int:
        """Until SIGTERM or SIGINT (0), until all are done (0), or until one was given something wrong (2)."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        codes = await asyncio.gather(*(self._keep(number) for number in range(len(self.members))))
        return max(codes, default=0)

    async def _keep(self, number: int) -> int:
        member, failures = self.members[number], 0
        while not self._stopping.is_set():
            began_s = time.monotonic()
            code = await self._once(number, member)
            if self._stopping.is_set():
                return 0
            if code == 0:
                self._say(number, "is done")
                return 0
            if code == EXIT_BAD_INPUT:
                self._say(number, "was given something wrong")
                if not member.needed:
                    return 0
                self._stopping.set()
                return code
            failures = 1 if time.monotonic() - began_s > STEADY_S else failures + 1
            self._say(number, f"ended with {code}; starts again in {pause_s(failures):.0f} s")
            await self._wait_stopping(pause_s(failures))
        return 0

    async def _once(self, number: int, member: Member) -> int:
        """The exit code of one run; minus the signal for one that was killed."""
        try:
            process = await asyncio.create_subprocess_exec(
                *member.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=dict(member.environment),
                limit=LINE_BYTES_MAX,
                start_new_session=True,  # Ctrl-C is for us, who end the others one by one.
            )
        except OSError as error:
            self._say(number, f"cannot be started: {error.strerror}")
            return EXIT_BAD_INPUT
        assert process.stdout is not None
        telling = asyncio.create_task(self._tell(number, process.stdout))
        ended = asyncio.create_task(process.wait())
        stopping = asyncio.create_task(self._stopping.wait())
        await asyncio.wait((ended, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            process.terminate()
            done, _ = await asyncio.wait((ended,), timeout=STOP_S)
            if not done:
                process.kill()
        code = await ended
        # What it started may still hold the pipe; what it said itself is in it by now.
        await asyncio.wait((telling,), timeout=1.0)
        telling.cancel()
        return code

    async def _tell(self, number: int, lines: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await lines.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                line = error.partial
                if not line:
                    return
            except asyncio.LimitOverrunError as error:
                line = await lines.read(error.consumed)
            self._say(number, line.decode(errors="replace").rstrip("\r\n"))

    async def _wait_stopping(self, most_s: float) -> None:
        try:
            async with asyncio.timeout(most_s):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _say(self, number: int, line: str) -> None:
        width = max(len(each.name) for each in self.members)
        head = f"{time.strftime('%H:%M:%S')} {self.members[number].name:{width}} | "
        if self.out.isatty():
            head = f"\x1b[{COLOURS[number % len(COLOURS)]}m{head}\x1b[0m"
        try:
            print(f"{head}{line}", file=self.out, flush=True)
        except OSError:
            # Nobody reads any more, or there is no room: that is no reason to end anything.
            return


def supervise(members: Sequence[Member]) -> int:
    """Keep them running until a signal; the exit code of this process."""
    return asyncio.run(Supervisor(members).run())


def python(module: str, *arguments: str) -> list[str]:
    """The command of one of our modules."""
    return [sys.executable, "-m", module, *arguments]


def environment(**changed: str) -> dict[str, str]:
    """Ours, with changes."""
    return dict(os.environ) | changed
