"""Work side by side in processes of one polars thread each; they end with the process that started them."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar

from presence.events.errors import SourceUnavailable

Task = TypeVar("Task")
Done = TypeVar("Done")
ORPHAN_S = 0.5


class Workers:
    """Some processes, or only this one."""

    def __init__(self, pool: ProcessPoolExecutor | None) -> None:
        self._pool = pool

    def each(self, work: Callable[[Task], Done], tasks: Sequence[Task]) -> Iterator[Done]:
        """What `work` makes of each of `tasks`, in their order.

        Raises what `work` raises, and SourceUnavailable if a process was killed.
        """
        if self._pool is None:
            yield from map(work, tasks)
            return
        try:
            yield from self._pool.map(work, tasks)
        except BrokenProcessPool as error:
            raise SourceUnavailable(
                "a process of the replay was killed, perhaps for want of memory"
            ) from error


@contextmanager
def workers(processes: int) -> Iterator[Workers]:
    """So many processes for the block; at its end what is under way is finished, and what has not begun is left."""
    if processes == 1:
        yield Workers(None)
        return
    context = get_context("spawn")  # A fork of a process with polars' threads can hang.
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with, initargs=(os.getpid(),))
    try:
        yield Workers(pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with(parent: int) -> None:
    """Let this process end when its parent is gone, however it went; Ctrl-C is the parent's to act on."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(ORPHAN_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
