"""Builds the job from its settings; the only place that does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from presence.associates.book import Book
from presence.associates.service import Job
from presence.log.lock import exclusive
from presence.log.settings import Settings


@contextmanager
def job(settings: Settings, stopped: Callable[[], bool]) -> Iterator[Job]:
    """A job that is ready to work; everything is closed with the block.

    Raises CallerError if another is at work in this data folder, SourceUnavailable if no broker answers.
    """
    folder = settings.data / "associates" / f"{settings.namespace}{settings.suffix}"
    with exclusive(
        folder, f"another job is at work in {folder}, as `presence up` starts one: it does the same"
    ):
        book = Book(folder)
        try:
            working = Job(settings, book, stopped)
            try:
                yield working
            finally:
                working.close()
        finally:
            book.close()
