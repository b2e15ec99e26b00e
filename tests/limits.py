"""What this process may have, less for a while than it has."""

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_longer_file_than(bytes_max: int) -> Iterator[None]:
    """As a disk that is full: who writes more is told so."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with _limited(resource.RLIMIT_FSIZE, bytes_max):
            yield
    finally:
        signal.signal(signal.SIGXFSZ, ignored)


@contextmanager
def no_more_files_than(more: int) -> Iterator[None]:
    """Only so many more can be open at once."""
    free = os.dup(0)
    os.close(free)
    with _limited(resource.RLIMIT_NOFILE, free + more):
        yield


@contextmanager
def _limited(what: int, limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(what)
    resource.setrlimit(what, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(what, (soft, hard))
