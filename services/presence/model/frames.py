"""What is asked of frames most often, without polars' query engine.

Polars answers nearly every method by a plan, an optimiser and a hand-over to the engine's thread: 100 microseconds of
CPU whatever the size, and a millisecond of waiting where the cores are busy. A small batch asked 80 times. These do the
same by calls that are answered at once, ten times as fast; with 100,000 rows there is no difference (measured).
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

Rows = TypeVar("Rows", pl.DataFrame, pl.Series)
SMALL_ROWS = 1_000
"""Up to here a set of Python's costs less than a call of the engine (measured)."""


def taken(rows: Rows, positions: NDArray[Any]) -> Rows:
    """The rows at these positions, all of them 0 or more, in their order.

    >>> taken(pl.Series([5, 6, 7]), np.array([2, 0, 0])).to_list()
    [7, 5, 5]
    """
    return rows[pl.Series(positions.astype(np.uint32))]


def kept(rows: Rows, mask: NDArray[np.bool_]) -> Rows:
    """The rows where `mask` says so.

    >>> kept(pl.Series([5, 6, 7]), np.array([True, False, True])).to_list()
    [5, 7]
    """
    return rows if mask.all() else taken(rows, np.flatnonzero(mask))


def only(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The columns of these names, in this order."""
    return pl.DataFrame([frame.get_column(name) for name in names])


def put(frame: pl.DataFrame, *columns: pl.Series) -> pl.DataFrame:
    """`frame` with `columns` in place of those of their names, else behind the others."""
    whole = {column.name: column for column in (*frame.get_columns(), *columns)}
    return pl.DataFrame(list(whole.values()))


def distinct(names: pl.Series) -> pl.Series:
    """The names that a column has, sorted by bytes.

    >>> distinct(pl.Series(["x", "blog", "x"])).to_list()
    ['blog', 'x']
    """
    if len(names) > SMALL_ROWS:
        return names.unique().sort()
    return pl.Series(names.name, sorted(set(names.to_list())), dtype=names.dtype)  # By code points: by bytes.


def among(rows: pl.Series, some: pl.Series) -> NDArray[np.bool_]:
    """Which of the rows, numbers or names, are among `some`.

    >>> among(pl.Series([5, 6]), pl.Series([7, 6])).tolist()
    [False, True]
    >>> among(pl.Series(["x", "blog"]), pl.Series(["blog"])).tolist()
    [False, True]
    """
    if rows.dtype != pl.String and len(rows) + len(some) <= 5 * SMALL_ROWS:
        return np.isin(rows.to_numpy(), some.to_numpy())
    if len(rows) + len(some) <= SMALL_ROWS:
        names = set(some.to_list())
        return np.array([name in names for name in rows.to_list()], dtype=np.bool_)
    return rows.is_in(some.implode()).to_numpy()


def codes(column: pl.Series, names: pl.Enum) -> NDArray[np.uint32]:
    """The position among `names` of each name of a column.

    >>> codes(pl.Series(["x", "blog", "x"]), pl.Enum(["blog", "x"])).tolist()
    [1, 0, 1]
    """
    found: NDArray[np.generic] = column.cast(names).to_arrow().indices.to_numpy(zero_copy_only=False)
    return found.astype(np.uint32)


def marks(column: pl.Series) -> NDArray[np.generic]:
    """Numbers that change from one row to the next exactly where the column does.

    >>> marks(pl.Series(["x", "x", "blog"])).tolist()
    [0, 0, 1]
    """
    if column.dtype != pl.String:
        return column.to_numpy()
    changed = np.zeros(len(column), dtype=np.intp)
    if len(column) <= SMALL_ROWS:
        changed[1:] = [one != next_one for one, next_one in pairwise(column.to_list())]
    else:
        changed[1:] = (column[1:] != column[:-1]).to_numpy()
    return np.cumsum(changed)
