"""Builds the job from its settings; the only place that does."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from presence.associates.book import Book
from presence.associates.service import Job
from presence.events.errors import CallerError
from presence.log.settings import Settings


@contextmanager
def job(settings: Settings, stopped: Callable[[], bool]) -> Iterator[Job]:
    """A job that is ready to work; everything is closed with the block.

    Raises CallerError if another is at work in this data folder, SourceUnavailable if no broker answers.
    """
    folder = settings.data / "associates" / f"{settings.namespace}{settings.suffix}"
    with _owned(folder):
        book = Book(folder)
        try:
            working = Job(settings, book, stopped)
            try:
                yield working
            finally:
                working.close()
        finally:
            book.close()


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Keep a second job out of the folder; the kernel lets go of it however this process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "owner").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CallerError(
                f"another job is at work in {folder}, as `presence up` starts one: it does the same"
            ) from error
        yield
