"""Which signal an act is, how it is grouped, and what it adds: the model's table as arrays."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from presence.events.vocabulary import Direction, Object, Verb
from presence.model import frames
from presence.model.spec import Model, act_keys

WEEK_ZERO_MS = 345_600_000
"""Monday 1970-01-05: where week 0 begins."""
WEEK_MS = 604_800_000
EVENT = 1000
"""One event, in thousandths."""
CODES = 32
"""Signal codes are below this; 0 is no signal."""

_SHAPE = (len(Direction), len(Verb), len(Object), 2)


@dataclass(frozen=True)
class SignalTable:
    """The model's signals as arrays."""

    by_act: NDArray[np.uint8]
    """Code at (direction, verb, object, in_reply_to_other), flattened; 0 where no signal names the act."""
    slot_mask: NDArray[np.uint64]
    """By code: which bits of the actor are the slot; 0 for signals that do not saturate per actor."""
    stars_to: NDArray[np.uint8]
    """By code: where stars go, 0 for nowhere. A signal with stars counts once whatever its magnitude."""


@lru_cache(maxsize=8)
def signal_table(model: Model) -> SignalTable:
    """The arrays of a model's signals."""
    by_act = np.zeros(_SHAPE, dtype=np.uint8)
    slot_mask = np.zeros(CODES, dtype=np.uint64)
    stars_to = np.zeros(CODES, dtype=np.uint8)
    for signal in model.signals.values():
        for act in signal.acts:
            for verb, thing, reply in act_keys(act):
                by_act[signal.toward, verb, thing, int(reply)] = signal.code
        if signal.saturates_per == "actor":
            slot_mask[signal.code] = model.slots - 1
        if signal.stars_to:
            stars_to[signal.code] = model.code(signal.stars_to)
    return SignalTable(by_act.ravel(), slot_mask, stars_to)


def signals_of(acts: pl.DataFrame, table: SignalTable) -> NDArray[np.uint8]:
    """The signal code of each ACTIVITY row; 0 where no signal of the model names the combination."""
    index = np.zeros(len(acts), dtype=np.int64)
    known = np.ones(len(acts), dtype=np.bool_)
    for column, size in zip(("direction", "verb", "object", "in_reply_to_other"), _SHAPE, strict=True):
        number = acts[column].cast(pl.UInt8).to_numpy()
        known &= number < size
        index = index * size + number
    return np.where(known, table.by_act[np.where(known, index, 0)], np.uint8(0))


def entries(acts: pl.DataFrame, table: SignalTable) -> pl.DataFrame:
    """What each ACTIVITY row adds, as ledger rows; rows that no signal names are left out.

    Input columns are those of the events with `person` and `network` in any coding. `amount` and `stars`
    are in thousandths.
    """
    signal = signals_of(acts, table)
    if not signal.all():
        acts, signal = frames.kept(acts, signal != 0), signal[signal != 0]
    rated = table.stars_to[signal] != 0
    week = (acts["occurred_ms"].to_numpy() - WEEK_ZERO_MS) // WEEK_MS
    slot = acts["actor"].to_numpy() & table.slot_mask[signal]
    columns: dict[str, NDArray[Any]] = {
        "signal": signal,
        "slot": slot.astype(np.uint8),
        "week": week.astype(np.int32),
        "amount": EVENT * np.where(rated, 1, acts["magnitude"].to_numpy()),
        "stars": np.where(rated, EVENT * acts["rating"].to_numpy(), 0),
        "undone": np.zeros(len(signal), dtype=np.bool_),
    }
    whose = frames.only(acts, ("person", "id", "network", "account"))
    return frames.put(whose, *(pl.Series(name, values) for name, values in columns.items()))
