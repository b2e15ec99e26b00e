"""Runs of equal keys in sorted columns, and integer sums over them."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Index = NDArray[np.intp]
SMALL_ROWS = 5_000
"""Up to here numpy's sort by several keys costs less than a call of polars (measured)."""


def starts(*keys: NDArray[np.generic]) -> Index:
    """Where each run of equal keys begins, in columns of equal length sorted by these keys.

    >>> starts(np.array([3, 3, 5, 5]), np.array([1, 1, 1, 2]))
    array([0, 2, 3])
    """
    if not len(keys[0]):
        return np.empty(0, dtype=np.intp)
    begins = np.zeros(len(keys[0]), dtype=np.bool_)
    begins[0] = True
    for key in keys:
        begins[1:] |= key[1:] != key[:-1]
    return np.flatnonzero(begins)


def order(*keys: NDArray[np.generic]) -> Index:
    """The positions of rows in the order of their keys; equal rows keep their order."""
    if len(keys[0]) <= SMALL_ROWS:
        return np.lexsort(keys[::-1])
    columns = [pl.Series(str(number), key) for number, key in enumerate(keys)]
    sort = pl.arg_sort_by(*(column.name for column in columns), maintain_order=True)
    return pl.DataFrame(columns).select(sort).to_series().to_numpy().astype(np.intp)


def lengths(begins: Index, rows: int) -> Index:
    """How long each run is."""
    return np.diff(begins, append=rows)


def sums(values: Ints, begins: Index) -> Ints:
    """The integer sum of each run."""
    return np.add.reduceat(values, begins)
