"""Runs a module with a wall clock that can be wrong: `python -m presence.chaos.skewed FILE MODULE`.

The file holds by how many milliseconds `time.time` and `time.time_ns` are wrong, and is read at every call. The
monotonic clock stays right, as on a machine whose time is set.
"""

import runpy
import sys
import time
from collections.abc import Callable
from pathlib import Path


def skew(path: Path) -> None:
    """Make this process's wall clock follow `path`."""
    right_ns: Callable[[], int] = time.time_ns

    def wrong_ns() -> int:
        return right_ns() + wrong_ms(path) * 1_000_000

    time.time_ns = wrong_ns
    time.time = lambda: wrong_ns() / 1e9  # noqa: TID251 (not called, replaced)


def wrong_ms(path: Path) -> int:
    """By how much the clock is wrong; without a file it is right."""
    try:
        return int(path.read_text() or 0)
    except FileNotFoundError:
        return 0


if __name__ == "__main__":
    skew(Path(sys.argv[1]))
    runpy.run_module(sys.argv[2], run_name="__main__", alter_sys=True)
