"""A store that is renewed is the folder `1`, then `2`, and so on, in a folder of its own: the newest is the one that counts."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path


def numbers(home: Path) -> list[int]:
    """Of the stores that are in `home`, ascending."""
    return sorted(int(folder.name) for folder in home.iterdir() if folder.name.isdigit())


def newest_folder(home: Path) -> Path | None:
    """The folder of the store that counts; None if there is none yet."""
    found = numbers(home)
    return home / str(found[-1]) if found else None


def following(folder: Path) -> Path:
    """The one after it."""
    return folder.with_name(str(int(folder.name) + 1))


def make(folder: Path, fill: Callable[[Path], object]) -> None:
    """Make `folder` of the files that `fill` puts into it: whole or not at all, after a loss of power, too.

    Raises OSError, and what `fill` raises.
    """
    part = folder.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    fill(part)
    for path in (*part.iterdir(), part):
        _to_disk(path)
    part.rename(folder)
    _to_disk(folder.parent)


def remove(folder: Path) -> None:
    """Remove a store that counts no more: at once for who looks for the newest."""
    gone = folder.with_suffix(".gone")
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def _to_disk(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
