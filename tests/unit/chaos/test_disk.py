"""A full disk, tried with a process that writes to it."""

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from presence.chaos.disk import Disk, How, unavailable, unmount

WRITER = """
import sys
with open(sys.argv[1], "ab", buffering=0) as file:
    for _ in sys.stdin:
        try:
            file.write(bytes(8192))
            print(0, flush=True)
        except OSError as error:
            print(error.errno, flush=True)
"""

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=unavailable() or "")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "data"
    unmount(tmp_path / "data")


@pytest.mark.parametrize(("how", "refusal"), [(How.TMPFS, errno.ENOSPC), (How.FILE_SIZE_LIMIT, errno.EFBIG)])
def test_who_writes_is_refused_while_it_is_full_and_goes_on_after(
    how: How, refusal: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how is How.FILE_SIZE_LIMIT:
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    disk = Disk(folder)
    if disk.how is not how:
        pytest.skip("this user may not mount")
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder / "data.mdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as writer:

        def written() -> int:
            assert writer.stdin is not None
            assert writer.stdout is not None
            writer.stdin.write("\n")
            return int(writer.stdout.readline())

        assert written() == 0
        disk.fill(writer.pid)
        assert written() == refusal
        disk.free(writer.pid)
        assert written() == 0
    disk.free(writer.pid)
