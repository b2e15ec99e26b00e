"""Which folder of a partition is the one that counts: `partition-N/1`, and after each seizure or renewal the next number.

A store has one owner, by a lock that goes with the process. When a partition is assigned to us while another
process still holds its store, that process has been frozen for longer than its session: it holds the lock, but
Kafka has fenced it. Its store is copied as of its last commit, and the copy is the one that counts from then on;
what the other still writes when it wakes goes into the old folder, which is removed once it is free.

A store in which somebody was erased is renewed in the same way: its compacted copy counts from then on.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import structlog

from presence.events.errors import InvariantBroken, SourceUnavailable
from presence.log.numbered import clean, following, make, numbers, remove, successor
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
    clean(partition)
    for unfinished in partition.glob("*.snapshot"):
        shutil.rmtree(unfinished, ignore_errors=True)
    known = numbers(partition)
    newest = partition / str(known[-1] if known else 1)
    if not known:
        restore(newest)
    try:
        store = Store(newest)
    except StoreHeld:
        store = Store(_seized(newest))
    for number in known:
        if partition / str(number) != store.folder:
            _remove_if_free(partition / str(number))
    return store


def renewed(store: Store) -> Store:
    """The store as a compacted copy in the next folder, without a byte of what was erased; the old one goes.

    Nobody may use `store` meanwhile, or afterwards. Takes about a second for each GB, and as much room. Raises
    SourceUnavailable if that is not there; then `store` goes on.
    """
    try:
        store.settle()
        with successor(store.folder, store.copy) as target:
            fresh = _opened_renewed(target)
    except (OSError, lmdb.Error, InvariantBroken, SourceUnavailable) as error:
        raise SourceUnavailable(f"{store.folder} cannot be renewed: {error}") from error
    store.close()
    remove(store.folder)
    return fresh


def _opened_renewed(folder: Path) -> Store:
    store = Store(folder)
    try:
        store.renewed()
    except SourceUnavailable:
        store.close()
        raise
    return store


def _seized(held: Path) -> Path:
    ours = following(held)
    log.warning("another process holds the store, going on with a copy", held=held.name, copy=ours.name)
    make(ours, lambda part: copy(held, part))
    return ours


def _remove_if_free(folder: Path) -> None:
    try:
        Store(folder).close()
    except InvariantBroken:
        return
    remove(folder)
