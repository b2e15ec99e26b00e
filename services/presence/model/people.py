"""The people rows of a batch as arrays, one element per person of the batch's coding."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from presence.events.vocabulary import PersonKind
from presence.model import frames, runs
from presence.model.state import PEOPLE

Columns = dict[str, NDArray[np.generic]]


def spread(people: pl.DataFrame, size: int) -> Columns:
    """Coded people rows as arrays of `size`; whoever has no row yet gets one that says nothing."""
    names = [name for name in PEOPLE if name != "person"]
    columns = {name: np.zeros(size, dtype=people[name].to_numpy().dtype) for name in names}
    columns["kind"][:] = int(PersonKind.PERSON)
    at = people["person"].to_numpy()
    for name, values in columns.items():
        values[at] = people[name].to_numpy()
    return columns


def gathered(columns: Columns) -> pl.DataFrame:
    """The people rows again, coded, of everybody."""
    return pl.DataFrame({"person": np.arange(len(columns["kind"]), dtype=np.uint32), **columns})


def erase(columns: Columns, who: NDArray[np.uint32]) -> None:
    """Mark people as erased; nothing else is kept of them."""
    columns["erased"][who] = True
    gone = columns["erased"].astype(np.bool_)
    for name, values in columns.items():
        if name != "erased":
            values[gone] = 0
    columns["kind"][gone] = int(PersonKind.PERSON)


def see(columns: Columns, events: pl.DataFrame) -> None:
    """Raise `newest_ms` to the greatest `observed_ms` of all records of a person."""
    np.maximum.at(columns["newest_ms"], events["person"].to_numpy(), events["observed_ms"].to_numpy())


def count(columns: Columns, activities: pl.DataFrame) -> None:
    """Set how many activities of each person stand."""
    columns["events"][:] = 0
    columns["events"][activities["person"].to_numpy()] = activities["events"].to_numpy()


def settle(columns: Columns, news: pl.DataFrame, fields: Mapping[str, str], observed: str) -> None:
    """Let the newest of `news` set the fields of its person (field -> column of `news`).

    The greatest (observed_ms, id) wins, against what is there and among the news.
    """
    if news.is_empty():
        return
    told = np.flatnonzero(columns[observed])
    rows = {column: columns[field][told] for field, column in fields.items()}
    old = pl.DataFrame({"person": told.astype(np.uint32), **rows})
    best = newest(old, news, ["person"])
    at = best["person"].to_numpy()
    for field, column in fields.items():
        columns[field][at] = best[column].to_numpy()


def newest(old: pl.DataFrame, news: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """Of each key the row with the greatest (observed_ms, id), sorted by key; columns are those of `old`.

    Should two rows contradict each other under one time and id, the greater content wins, so that order
    decides nothing.
    """
    if news.is_empty():
        return old
    rest = [name for name in old.columns if name not in {*keys, "observed_ms", "id"}]
    both = pl.concat([old, frames.only(news, old.columns)])
    columns = {name: both[name].to_numpy() for name in both.columns}
    order = runs.order(*(columns[name] for name in (*keys, "observed_ms", "id", *rest)))
    begins = runs.starts(*(columns[name][order] for name in keys))
    return frames.taken(both, order[begins + runs.lengths(begins, len(order)) - 1])
