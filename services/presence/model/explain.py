"""Why a score changed: what time took, and what events brought. Section 6 of the scoring model."""

from dataclasses import replace
from types import MappingProxyType

import polars as pl

from presence.model.evaluate import evaluate
from presence.model.spec import Model
from presence.model.state import State
from presence.model.waterfall import ENTRIES

CHANGE = MappingProxyType(
    {
        "person": pl.String,
        "cause": pl.String,
        "entry": pl.String,
        "network": pl.String,
        "account": pl.UInt64,
        "millipoints": pl.Int64,
    }
)
"""Column -> type of a change; `entry` as in a waterfall, entries of 0 left out."""


def change(
    old: State,
    new: State,
    model: Model,
    old_as_of_ms: int | None = None,
    new_as_of_ms: int | None = None,
) -> pl.DataFrame:
    """What lies between the score of `old` and that of `new`, for everybody in `new`.

    The old state at the new time and watermarks minus the old score is decay; the new score minus that is
    events. Each is a difference of waterfalls, so all rows of a person add up to the change of presence
    exactly. Who had no score before, or is erased now, had or has 0. Times as in `evaluate`. The frame has
    the columns of CHANGE, sorted by person, cause, and the waterfall's order.
    """
    before, after = evaluate(old, model, old_as_of_ms), evaluate(new, model, new_as_of_ms)
    between = evaluate(_later(old, new), model, new_as_of_ms)
    steps = {"decay": (before.waterfall, between.waterfall), "events": (between.waterfall, after.waterfall)}
    parts = [
        part
        for cause, (one, other) in steps.items()
        for part in (_signed(other, cause, 1), _signed(one, cause, -1))
    ]
    keys = [name for name in CHANGE if name != "millipoints"]
    rows = pl.concat(parts).filter(pl.col("person").is_in(new.people["person"].implode()))
    total = rows.group_by(keys).agg(pl.col("millipoints").sum()).filter(pl.col("millipoints") != 0)
    order = pl.col("entry").cast(pl.Enum(ENTRIES))
    return total.sort("person", "cause", order, "network", "account").select(list(CHANGE))


def _later(old: State, new: State) -> State:
    """The old state, met at the time and watermarks of the new one."""
    newest = new.people.select("person", later_ms="newest_ms")
    people = old.people.join(newest, on="person", how="left", maintain_order="left")
    people = people.with_columns(newest_ms=pl.max_horizontal("newest_ms", "later_ms")).drop("later_ms")
    return replace(old, people=people, clock_ms=new.clock_ms, watermarks=new.watermarks)


def _signed(waterfall: pl.DataFrame, cause: str, sign: int) -> pl.DataFrame:
    return waterfall.with_columns(cause=pl.lit(cause), millipoints=sign * pl.col("millipoints"))
