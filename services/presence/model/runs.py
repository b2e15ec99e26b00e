"""Runs of equal keys in sorted columns, and integer sums over them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Index = NDArray[np.intp]
SMALL_ROWS = 5_000
"""Up to here numpy's sort by several keys costs little (measured)."""


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
    """The positions of integer rows in the order of their keys; equal rows keep their order.

    Many rows are sorted as one column of unsigned numbers, which numpy does ten times as fast as by several keys: the
    keys' leading bits, as many as there is room for, and then the row. Rows that these do not tell apart are sorted by
    all of their keys.

    >>> order(np.array([2, 1, 2, 1]), np.array([5, 9, 4, 9]))
    array([1, 3, 2, 0])
    """
    rows = len(keys[0])
    if rows <= SMALL_ROWS:
        return np.lexsort(keys[::-1])
    row_bits = rows.bit_length()
    packed, whole = _packed(keys, 64 - row_bits)
    packed <<= np.uint64(row_bits)
    packed |= np.arange(rows, dtype=np.uint64)
    packed.sort()
    found = (packed & np.uint64((1 << row_bits) - 1)).astype(np.intp)
    if not whole:
        packed >>= np.uint64(row_bits)
        same = packed[1:] == packed[:-1]
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        chosen = found[tied]
        found[tied] = chosen[np.lexsort([key[chosen] for key in keys[::-1]])]
    return found


def _packed(keys: Sequence[NDArray[np.generic]], bits: int) -> tuple[NDArray[np.uint64], bool]:
    """The leading `bits` of all keys together, in their order, and whether these are all that the keys have."""
    packed = np.zeros(len(keys[0]), dtype=np.uint64)
    for key in keys:
        low = key.min()
        width = (int(key.max()) - int(low)).bit_length()
        # Differences of 64-bit numbers are right as unsigned ones also where they overflow.
        above = key.astype(np.uint64) - low.astype(np.uint64)
        taken = min(width, bits)
        packed <<= np.uint64(taken)
        packed |= above >> np.uint64(width - taken) if taken else np.uint64(0)
        bits -= taken
        if taken < width:
            return packed, False
    return packed, True


def ranks(values: NDArray[np.generic]) -> Ints:
    """Of each value how many different ones are below it: few bits in place of many, in the same order.

    >>> ranks(np.array([70, 10, 70, 40])).tolist()
    [2, 0, 2, 1]
    """
    return np.searchsorted(np.unique(values), values)


def lengths(begins: Index, rows: int) -> Index:
    """How long each run is."""
    return np.diff(begins, append=rows)


def sums(values: Ints, begins: Index) -> Ints:
    """The integer sum of each run."""
    return np.add.reduceat(values, begins)
