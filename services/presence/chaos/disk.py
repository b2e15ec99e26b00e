"""A disk that can be full: a small one in memory where this may be mounted, else a limit on the worker's files."""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import psutil

from presence.events.errors import InvariantBroken

BYTES = 2 << 30
"""Of the disk in memory while there is room; only what stands in it takes memory."""
ATTEMPTS_MAX = 100


class How(StrEnum):
    """What stands in for a full disk."""

    TMPFS = "tmpfs"
    FILE_SIZE_LIMIT = "file size limit"


class Disk:
    """Where the workers keep their state."""

    def __init__(self, folder: Path) -> None:
        """Mount a disk in memory on `folder` if this user may."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.how = How.TMPFS if _mount(folder, BYTES) else How.FILE_SIZE_LIMIT

    def fill(self, pid: int) -> None:
        """No byte more on this disk; with a limit instead of a disk, no longer file for the process `pid`."""
        if self.how is How.TMPFS:
            # It fails where a worker has written meanwhile, so it is tried again.
            for _ in range(ATTEMPTS_MAX):
                if _mount(self._folder, shutil.disk_usage(self._folder).used, "remount"):
                    return
            raise InvariantBroken(f"{self._folder} cannot be made smaller")
        longest = max((each.stat().st_size for each in self._folder.rglob("*.mdb")), default=0)
        _limit(pid, longest)

    def free(self, pid: int) -> None:
        """Room again."""
        if self.how is How.TMPFS:
            _mount(self._folder, BYTES, "remount")
        else:
            _limit(pid, None)


def unavailable() -> str | None:
    """Why no disk can be full here; None if one can."""
    if sys.platform == "linux":
        return None
    return "needs Linux: a disk in memory, or a limit on the files of another process"


def unmount(folder: Path) -> None:
    """Take the disk in memory away, if there is one."""
    if folder.is_mount():
        subprocess.run(["umount", "--lazy", str(folder)], check=False)  # noqa: S603, S607 (our own mount)


def _mount(folder: Path, size_bytes: int, *options: str) -> bool:
    """Mount, or mount again with other options; False if this user may not."""
    wanted = ",".join([*options, f"size={size_bytes}"])
    command = ["mount", "-t", "tmpfs", "-o", wanted, "presence-chaos", str(folder)]
    if os.geteuid() != 0:
        return False
    return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603


def _limit(pid: int, file_bytes: int | None) -> None:
    # The hard limit stays, so that the soft one can be lifted again without being root; who has ended needs no limit.
    with suppress(psutil.NoSuchProcess):
        _, hard = psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE)
        psutil.Process(pid).rlimit(psutil.RLIMIT_FSIZE, (hard if file_bytes is None else file_bytes, hard))
