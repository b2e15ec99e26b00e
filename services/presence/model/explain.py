"""Why a score changed: what time took, and what events brought. Section 6 of the scoring model."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import polars as pl

from presence.model import frames, runs
from presence.model.coding import Coding
from presence.model.evaluate import evaluate
from presence.model.spec import Model
from presence.model.state import State
from presence.model.waterfall import ENTRIES

CAUSES = ("decay", "events")
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
"""Column -> type of a change; `cause` one of CAUSES, `entry` as in a waterfall, entries of 0 left out."""


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
    steps = ((0, -1, before), (0, 1, between), (1, -1, between), (1, 1, after))
    rows = pl.concat([scores.waterfall for _, _, scores in steps])
    lengths = [len(scores.waterfall) for _, _, scores in steps]
    cause = np.repeat([number for number, _, _ in steps], lengths)
    sign = np.repeat([sign for _, sign, _ in steps], lengths)
    keys = (
        Coding.of([rows["person"]]).encode(rows["person"]).to_numpy(),
        cause,
        frames.codes(rows["entry"], pl.Enum(ENTRIES)),
        Coding.of([rows["network"]]).encode(rows["network"]).to_numpy(),
        rows["account"].to_numpy(),
    )
    order = runs.order(*keys)
    begins = runs.starts(*(key[order] for key in keys))
    total = runs.sums(sign[order] * rows["millipoints"].to_numpy()[order], begins)
    first = order[begins]
    chosen = (total != 0) & frames.among(frames.taken(rows["person"], first), new.people["person"])
    kept = first[chosen]
    changed = frames.taken(rows, kept)
    causes = frames.taken(pl.Series("cause", CAUSES), cause[kept])
    return frames.only(frames.put(changed, causes, pl.Series("millipoints", total[chosen])), list(CHANGE))


def _later(old: State, new: State) -> State:
    """The old state, met at the time and watermarks of the new one."""
    people = Coding.of([old.people["person"], new.people["person"]])
    newest = np.full(len(people.names), np.iinfo(np.int64).min)
    for state in (old, new):
        np.maximum.at(
            newest, people.encode(state.people["person"]).to_numpy(), state.people["newest_ms"].to_numpy()
        )
    later = pl.Series("newest_ms", newest[people.encode(old.people["person"]).to_numpy()])
    return replace(
        old, people=frames.put(old.people, later), clock_ms=new.clock_ms, watermarks=new.watermarks
    )
