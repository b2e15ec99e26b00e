"""One ingest of a network at a time in a folder; the kernel gives the lock back when its holder dies, however it dies."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from presence.events.errors import CallerError


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Hold `folder` for the block. Raises CallerError if another process does, or it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CallerError(f"{folder}: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CallerError(f"another ingest of {folder.name} is at work in {folder}") from None
    else:
        yield
    finally:
        os.close(descriptor)
