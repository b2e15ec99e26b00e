"""The whole state of a partition's people, read from a copy of its store, for whoever compares it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from presence.model.state import State
from presence.scoring.snapshots import copy
from presence.scoring.store import Store

PEOPLE_MAX = 5_000
Audited = tuple[pl.Series, NDArray[np.int64], State]


def audited(folder: Path, work: Path) -> Iterator[Audited]:
    """Some people, sorted, the offset of each one's newest record, and their state with all of the ledger.

    In the state a person is the position among them. `work`, which is not there yet, gets the copy of the store in
    `folder`, whose owner goes on meanwhile. Raises InvariantBroken if it cannot be read.
    """
    work.mkdir()
    copy(folder, work)
    store = Store(work)
    try:
        after = ""
        while (found := store.whole(after, PEOPLE_MAX)) is not None:
            yield found
            after = found[0][-1]
    finally:
        store.close()
