"""The counts: sums of amounts by account, signal, slot and week."""

import numpy as np
import polars as pl
from numpy.typing import NDArray

from presence.model import runs
from presence.model.runs import Ints
from presence.model.signals import SignalTable
from presence.model.state import COUNTS, EVENTS_CODE, KEYS

_ACCOUNT = ("person", "network", "account")
_KEYS = KEYS["counts"]

Columns = dict[str, NDArray[np.generic]]


def add(counts: pl.DataFrame, change: pl.DataFrame, table: SignalTable) -> pl.DataFrame:
    """`counts` with a change of the ledger (its rows with `sign`) brought in, sorted; rows of 0 are dropped.

    Next to its amount an act adds its stars to the signal that the model names, and one to the count of
    the account's activities. People and networks are coded.
    """
    if change.is_empty():
        return counts
    sign = change["sign"].to_numpy()
    keys = {name: change[name].to_numpy() for name in _KEYS}
    added = keys | {"amount": sign * change["amount"].to_numpy()}
    rated = np.flatnonzero(change["stars"].to_numpy())
    stars = {name: column[rated] for name, column in keys.items()}
    stars |= {
        "signal": table.stars_to[keys["signal"][rated]],
        "amount": (sign * change["stars"].to_numpy())[rated],
    }
    old = {name: counts[name].to_numpy() for name in COUNTS}
    total = _summed([old, added, stars, _activities(keys, sign)])
    return pl.DataFrame(total)


def _activities(keys: Columns, sign: Ints) -> Columns:
    """One row of each account: how many of its activities came or went."""
    account = [keys[name] for name in _ACCOUNT]
    order = runs.order(*account)
    begins = runs.starts(*(column[order] for column in account))
    first = order[begins]
    nothing = np.zeros(len(begins), dtype=np.int32)
    return {
        **{name: keys[name][first] for name in _ACCOUNT},
        "signal": np.full(len(begins), EVENTS_CODE, dtype=np.uint8),
        "slot": nothing.astype(np.uint8),
        "week": nothing,
        "amount": runs.sums(sign[order], begins),
    }


def _summed(parts: list[Columns]) -> Columns:
    """The rows of all parts, sorted, amounts of one key added up; without those that come to 0."""
    rows = {name: np.concatenate([part[name] for part in parts]) for name in COUNTS}
    keys = rows | {"account": runs.ranks(rows["account"])}
    order = runs.order(*(keys[name] for name in _KEYS))
    begins = runs.starts(*(keys[name][order] for name in _KEYS))
    amount = runs.sums(rows["amount"][order], begins)
    kept = np.flatnonzero(amount)
    first = order[begins[kept]]
    return {name: column[first] for name, column in rows.items()} | {"amount": amount[kept]}


def activities(counts: pl.DataFrame) -> pl.DataFrame:
    """How many activities of each person stand, from the counts in their order: columns person, events."""
    own = np.flatnonzero(counts["signal"].to_numpy() == EVENTS_CODE)
    person, amount = (counts[name].to_numpy()[own] for name in ("person", "amount"))
    begins = runs.starts(person)
    return pl.DataFrame({"person": person[begins], "events": runs.sums(amount, begins)})
