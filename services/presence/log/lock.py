"""One process at a time at work on a path; the kernel gives the lock back when its holder ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from presence.events.errors import CallerError


def hold(path: Path) -> int:
    """Lock the file `path`, made if need be, until the answered descriptor is closed.

    Raises BlockingIOError if another process holds it, OSError if it cannot be made.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def exclusive(folder: Path, taken: str) -> Iterator[None]:
    """Hold `folder` for the block. Raises CallerError with `taken` if another process does, or if it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = hold(folder / "lock")
    except BlockingIOError:
        raise CallerError(taken) from None
    except OSError as error:
        raise CallerError(f"{folder}: {error.strerror}") from error
    try:
        yield
    finally:
        os.close(descriptor)
