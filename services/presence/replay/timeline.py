"""What is known of everybody in a partition as its log goes on: the clock, the watermarks, and the days that ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from presence.batch.closing import Day
from presence.batch.records import Batch
from presence.events.vocabulary import NOBODY, Kind
from presence.log.topics import DAY_MS
from presence.model.fold import for_everybody
from presence.model.state import State
from presence.replay.columns import in_log_order


@dataclass(frozen=True)
class Timeline:
    """days: those that ended, in order; the rest is as after the last record. Times in ms.

    new_day_offset: of the last record that changed everybody's score, -1 if there is none.
    """

    days: tuple[Day, ...] = ()
    clock_ms: int = 0
    watermarks: Mapping[str, int] = field(default_factory=dict)
    new_day_offset: int = -1

    @classmethod
    def of(cls, ticks: pl.DataFrame) -> "Timeline":
        """The timeline of a partition from its CLOCK and WATERMARK rows (of ROWS), in any order, also repeated."""
        ticks = in_log_order(ticks)
        if ticks.is_empty():
            return cls()
        whole = Batch(ticks, [], int(ticks["offset"][-1]) + 1)
        state, days = State.empty(), []
        for part in whole.days(0):
            state = for_everybody(state, part.ticks)
            if part.ends_day:
                offset = part.next_offset - 1
                days.append(Day(state.clock_ms // DAY_MS - 1, offset, state.clock_ms, dict(state.watermarks)))
        last = whole.new_day_offset(0, {})
        return cls(tuple(days), state.clock_ms, state.watermarks, -1 if last is None else last)

    def on(self, state: State) -> State:
        """`state` with the clock and the watermarks of the end."""
        return replace(state, clock_ms=self.clock_ms, watermarks=self.watermarks)


def ticks_of(rows: pl.DataFrame) -> pl.DataFrame:
    """Of some rows, in any order, the ticks that can matter: a thousandth of them where sources report every minute.

    One that says no more than another before it in the same partition never moves anything.
    """
    ticks = rows.filter(pl.col("person") == NOBODY).sort("partition", "offset")
    clocks = ticks.filter(pl.col("kind") == int(Kind.CLOCK))
    marks = ticks.filter(pl.col("kind") == int(Kind.WATERMARK))
    source = ["partition", "network"]
    day = pl.col("complete_ms") // DAY_MS
    newest = pl.col("complete_ms") == pl.col("complete_ms").max().over(source)
    return pl.concat(
        [
            clocks.filter(_rises(pl.col("observed_ms"), ["partition"])),
            marks.filter(_rises(day, source) | (newest & _rises(pl.col("complete_ms"), source))),
        ]
    )


def _rises(value: pl.Expr, over: list[str]) -> pl.Expr:
    """Whether a row is above all of its group before it."""
    before = value.cum_max().shift(1).over(over)
    return before.is_null() | (value > before)
