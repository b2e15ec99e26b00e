"""One process at a time at work in a folder; the kernel gives the lock back when its holder ends, however it ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from presence.events.errors import CallerError


@contextmanager
def exclusive(folder: Path, taken: str) -> Iterator[None]:
    """Hold `folder` for the block. Raises CallerError with `taken` if another process does, or if it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CallerError(f"{folder}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CallerError(taken) from None
    else:
        yield
    finally:
        os.close(descriptor)
