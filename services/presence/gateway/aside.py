"""Work that takes long, of one thread and one piece after the other, so that a serving process goes on answering meanwhile."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Self, TypeVar

import structlog
from kafka.errors import KafkaError

from presence.events.errors import SourceUnavailable
from presence.gateway import refusals

WAITING_MAX = 16
"""Pieces of work that wait for the thread, or are done by it."""

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Aside:
    """The thread. Use it as a context manager; work should look at `closing` now and then."""

    def __init__(self) -> None:
        self.closing = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._waiting = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns. Raises Refused: RESOURCE_EXHAUSTED if much waits, UNAVAILABLE without a broker."""
        if self._waiting >= WAITING_MAX:
            raise refusals.gateway_busy()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except (KafkaError, SourceUnavailable) as error:
            log.warning("log_unavailable", error=type(error).__name__)
            raise refusals.log_unreadable() from error
        finally:
            self._waiting -= 1
