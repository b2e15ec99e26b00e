"""Runs of equal keys in sorted columns, and integer sums over them."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Index = NDArray[np.intp]


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


def lengths(begins: Index, rows: int) -> Index:
    """How long each run is."""
    return np.diff(begins, append=rows)


def sums(values: Ints, begins: Index) -> Ints:
    """The integer sum of each run."""
    return np.add.reduceat(values, begins) if len(begins) else np.empty(0, dtype=values.dtype)
