"""The ledger: what each id added, so that it counts once and can be taken back exactly."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from presence.model import frames, runs
from presence.model.state import LEDGER

_OLD, _ACT, _UNDO = np.uint8(0), np.uint8(1), np.uint8(2)
_CONTENT = [name for name in LEDGER if name not in {"person", "id", "undone"}]


@dataclass(frozen=True)
class Entered:
    """The new ledger, and how it changes the counts: ledger rows with `sign` 1 (added) or -1 (taken back)."""

    ledger: pl.DataFrame
    change: pl.DataFrame


def enter(ledger: pl.DataFrame, acts: pl.DataFrame, undos: pl.DataFrame) -> Entered:
    """Bring acts (ledger rows) and undos (`person`, `id` of what they take back) into `ledger`.

    An id that is in the ledger changes nothing; an undo marks its id `undone` for good, whether it comes
    before or after the act. People and networks are coded; the result is sorted by person and id.
    """
    nothing = np.zeros(len(undos), dtype=np.uint8)
    columns = [pl.Series(name, nothing).cast(ledger.schema[name]) for name in _CONTENT]
    undos = frames.put(undos, *columns, pl.Series("undone", np.ones(len(undos), dtype=np.bool_)))
    rows = pl.concat([ledger, *(frames.only(table, ledger.columns) for table in (acts, undos))])
    origin = np.repeat([_OLD, _ACT, _UNDO], [len(ledger), len(acts), len(undos)])
    person, number = rows["person"].to_numpy(), rows["id"].to_numpy()
    order = runs.order(person, number, origin)
    begins = runs.starts(person[order], number[order])
    first = order[begins]
    last = order[begins + runs.lengths(begins, len(order)) - 1]
    return _resolve(frames.taken(rows, first), origin[first], origin[last])


def _resolve(rows: pl.DataFrame, first: np.ndarray, last: np.ndarray) -> Entered:
    """One row of each id: the ledger's own, else the first act, else the undo; and the newest origin."""
    was_undone = rows["undone"].to_numpy()
    undone = was_undone | (last == _UNDO)
    sign = np.where(undone, 0, first == _ACT).astype(np.int64) - ((first == _OLD) & undone & ~was_undone)
    change = frames.kept(frames.put(rows, pl.Series("sign", sign)), sign != 0)
    if undone.any():
        content = (pl.Series(name, np.where(undone, 0, rows[name].to_numpy())) for name in _CONTENT)
        rows = frames.put(rows, *content, pl.Series("undone", undone))
    return Entered(rows, change)
