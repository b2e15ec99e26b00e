"""Which folder of a partition is the one that counts: `partition-N/1`, and after each seizure or renewal the next number.

A store has one owner, by a lock that goes with the process. When a partition is assigned to us while another
process still holds its store, that process has been frozen for longer than its session: it holds the lock, but
Kafka has fenced it. Its store is copied as of its last commit, and the copy is the one that counts from then on;
what the other still writes when it wakes goes into the old folder, which is removed once it is free.

A store in which somebody was erased is renewed in the same way: its compacted copy counts from then on.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import structlog

from presence.events.errors import InvariantBroken, SourceUnavailable
from presence.scoring.snapshots import copy
from presence.scoring.store import Store, StoreHeld

log = structlog.get_logger("presence.scoring")
Restore = Callable[[Path], Any]
"""Makes the store in a folder that is not there yet, if it can."""


def _nothing(_folder: Path) -> None:
    """Without snapshots the log brings everything back."""


def claim(partition: Path, restore: Restore = _nothing) -> Store:
    """The partition's store, opened; where there is none yet, what `restore` brings back, else a new one.

    Raises InvariantBroken if the store is damaged or of another schema version.
    """
    partition.mkdir(parents=True, exist_ok=True)
    for pattern in ("*.part", "*.snapshot"):
        for unfinished in partition.glob(pattern):
            shutil.rmtree(unfinished, ignore_errors=True)
    numbers = _numbers(partition)
    newest = numbers[-1] if numbers else 1
    if not numbers:
        restore(partition / str(newest))
    try:
        store = Store(partition / str(newest))
    except StoreHeld:
        _seize(partition / str(newest), partition / str(newest + 1))
        store = Store(partition / str(newest + 1))
    for number in numbers:
        if partition / str(number) != store.folder:
            _remove_if_free(partition / str(number))
    return store


def renewed(store: Store) -> Store:
    """The store as a compacted copy in the next folder, without a byte of what was erased; the old one goes.

    Nobody may use `store` meanwhile, or afterwards. Takes about a second for each GB, and as much room. Raises
    SourceUnavailable if that is not there; then `store` goes on.
    """
    target = store.folder.with_name(str(int(store.folder.name) + 1))
    part = target.with_suffix(".part")
    try:
        store.settle()
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        store.copy(part)
        for path in (part / "data.mdb", part):
            _to_disk(path)
        part.rename(target)
        _to_disk(target.parent)
        fresh = Store(target)
        fresh.renewed()
    except (OSError, lmdb.Error, InvariantBroken, SourceUnavailable) as error:
        # As the newest it would be what counts after a restart, while `store` goes on.
        shutil.rmtree(target, ignore_errors=True)
        raise SourceUnavailable(f"{store.folder} cannot be renewed: {error}") from error
    store.close()
    shutil.rmtree(store.folder, ignore_errors=True)
    return fresh


def _to_disk(path: Path) -> None:
    """Wait until a file, or the names in a folder, are there after a loss of power, too."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def newest_folder(partition: Path) -> Path | None:
    """The folder of the store that counts; None if the partition has none yet."""
    numbers = _numbers(partition)
    return partition / str(numbers[-1]) if numbers else None


def _numbers(partition: Path) -> list[int]:
    return sorted(int(folder.name) for folder in partition.iterdir() if folder.name.isdigit())


def _seize(held: Path, ours: Path) -> None:
    log.warning("another process holds the store, going on with a copy", held=held.name, copy=ours.name)
    part = ours.with_suffix(".part")
    part.mkdir()
    copy(held, part)
    part.rename(ours)


def _remove_if_free(folder: Path) -> None:
    try:
        Store(folder).close()
    except InvariantBroken:
        return
    shutil.rmtree(folder)
