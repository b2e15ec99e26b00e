"""The roster behind the gateway: opened with the first call that needs it, and worked at by one thread."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import PersonId
from presence.gateway import refusals
from presence.log.settings import Settings
from presence.roster import export
from presence.roster.enrolment import Enrolment
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.registry import Registry

EXPORTS_MAX = 2
"""At the same time, in each process: each reads the whole log."""

T = TypeVar("T")


class Open(NamedTuple):
    """What work is done with; the registry is that of the follower, as of now."""

    follower: Follower
    enrolment: Enrolment

    @property
    def registry(self) -> Registry:
        return self.follower.registry


class Desk:
    """One at a time, in the order in which they came."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._thread = ThreadPoolExecutor(1, "roster")
        self._exports = asyncio.Semaphore(EXPORTS_MAX)
        self._open: Open | None = None

    async def ask(self, work: Callable[[Open], T]) -> T:
        """What `work` makes of the roster as it is now.

        Raises Refused if this gateway has no master key or the log does not answer; what `work` raises goes through.
        """
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._done, work)
        except SourceUnavailable as error:
            raise refusals.log_unavailable() from error

    async def export(self, person: PersonId) -> AsyncIterator[bytes]:
        """The pieces of a person's export. Raises as `ask` does, and NotEnrolled."""
        async with self._exports:
            pieces = await self.ask(
                lambda opened: export.stream(self._settings, opened.registry, person, lambda *_: None)
            )
            try:
                while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                    yield piece
            except SourceUnavailable as error:
                raise refusals.log_unavailable() from error

    async def close(self) -> None:
        """Let go of the broker, once what is under way has ended."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._shut)
        self._thread.shutdown(wait=False)

    def _done(self, work: Callable[[Open], T]) -> T:
        try:
            if self._open is None:
                self._open = self._opened()
            self._open.follower.catch_up()
            return work(self._open)
        except SourceUnavailable:
            self._shut()
            raise

    def _opened(self) -> Open:
        settings = self._settings
        if not settings.master_key and not (settings.data / "master.key").exists():
            raise refusals.roster_closed()
        master = MasterKey.load(settings)
        follower = Follower(settings, master)
        return Open(follower, Enrolment(settings, master, follower))

    def _shut(self) -> None:
        if self._open is not None:
            opened, self._open = self._open, None
            opened.enrolment.close()
            opened.follower.close()
