"""Cleans up after a run however it ends, kill -9 of the harness included.

The guard is a process that waits for the end of its standard input. The other end of that pipe is held by the harness
alone, so the kernel closes it when the harness ends. The guard then kills every process that carries the run's mark,
stops its broker, and unmounts its disk.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from presence.broker import Broker
from presence.chaos.disk import unmount

MARK = "PRESENCE_CHAOS"
"""In the environment of every process of a run: its scratch folder."""


@contextmanager
def guarded(scratch: Path) -> Iterator[None]:
    """When the context or this process ends, no process of the run is left."""
    guard = subprocess.Popen(  # noqa: S603 (our own module)
        [sys.executable, "-m", "presence.chaos.guard", str(scratch)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()


def broker_folder(scratch: Path) -> Path:
    return scratch / "broker"


def data_folder(scratch: Path) -> Path:
    return scratch / "data"


def clean_up(scratch: Path) -> None:
    """End all processes of the run, and take its disk away."""
    marked = list(_marked(scratch))
    for process in marked:
        process.kill()
    psutil.wait_procs(marked, timeout=10)
    Broker(broker_folder(scratch)).stop(wait_s=0)
    unmount(data_folder(scratch))


def _marked(scratch: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(scratch):
                yield process
        except psutil.Error:
            continue


if __name__ == "__main__":
    sys.stdin.buffer.read()
    clean_up(Path(sys.argv[1]))
