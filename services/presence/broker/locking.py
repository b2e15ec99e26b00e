"""One process at a time in a folder: a lock that the kernel gives back when its holder dies, however it dies."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from presence.broker.errors import BrokerBusy, FolderNotWritable
from presence.log.lock import hold

POLL_S = 0.05


@contextmanager
def exclusive(lock_path: Path, wait_s: float) -> Iterator[None]:
    """Hold `lock_path` for the block. The file stays behind: deleting it would let two holders in.

    Raises FolderNotWritable when the folder or file cannot be made, BrokerBusy when it is not free within `wait_s`.
    """
    try:
        lock_path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _acquired(lock_path, wait_s)
    except OSError as error:
        raise FolderNotWritable(lock_path.parent, error.strerror or str(error)) from error
    try:
        yield
    finally:
        os.close(descriptor)


def _acquired(lock_path: Path, wait_s: float) -> int:
    give_up_at = time.monotonic() + wait_s
    while True:
        try:
            return hold(lock_path)
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                raise BrokerBusy(lock_path, wait_s) from None
            time.sleep(POLL_S)
