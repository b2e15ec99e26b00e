"""A store that is renewed is the folder `1`, then `2`, and so on, in a folder of its own: the newest is the one that counts."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from presence.log.disk import to_disk


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
    part.mkdir(parents=True)
    try:
        fill(part)
        to_disk(*part.iterdir(), part)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    to_disk(folder.parent)


@contextmanager
def successor(folder: Path, fill: Callable[[Path], object]) -> Iterator[Path]:
    """The one after `folder`, made by `fill`. If the block ends with an error it goes again, and `folder` counts as before.

    Raises OSError, and what `fill` raises.
    """
    target = following(folder)
    try:
        make(target, fill)
        yield target
    except BaseException:
        if target.exists():
            remove(target)
        raise


def remove(folder: Path) -> None:
    """Remove a store that counts no more: at once for who looks for the newest, even if no file can be opened to empty it."""
    gone = folder.with_suffix(".gone")
    shutil.rmtree(gone, ignore_errors=True)
    folder.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def clean(home: Path) -> None:
    """Remove what a kill has left of `make` and `remove`. Nobody may be at work in `home`."""
    for left in (*home.glob("*.part"), *home.glob("*.gone")):
        shutil.rmtree(left, ignore_errors=True)
