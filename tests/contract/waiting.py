"""Waiting for what a process of its own does in its own time."""

import time
from collections.abc import Callable

PATIENCE_S = 30.0


def eventually(look: Callable[[], bool]) -> None:
    """Return when `look` says so."""
    deadline = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)
