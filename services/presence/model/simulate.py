"""What would be if: hypothetical events, the way back after a flag, the way down when somebody stops."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import polars as pl

from presence.events.vocabulary import Event, EventId, Kind, PersonId, Severity
from presence.model.columns import frame
from presence.model.evaluate import Scores, evaluate
from presence.model.explain import change
from presence.model.fold import fold
from presence.model.measures import DAY_MS
from presence.model.spec import Model
from presence.model.state import State

CURVE = MappingProxyType(
    {"person": pl.String, "days": pl.Int64, "presence": pl.Int64, "visibility": pl.Int64, "factor": pl.Int64}
)
"""Column -> type of a curve: days after the start, scores in millipoints, factor in micro."""


@dataclass(frozen=True)
class WhatIf:
    """Scores without and with hypothetical events, and the change between them by entry."""

    before: Scores
    after: Scores
    change: pl.DataFrame


def what_if(state: State, events: pl.DataFrame, model: Model, as_of_ms: int | None = None) -> WhatIf:
    """What `events` (a frame of EVENTS) would do to the scores of `state`; nothing is kept.

    Without `as_of_ms` both scores are of the time after the events, so that the difference is theirs.
    """
    after = fold(state, events, model).state
    clock_ms = as_of_ms
    if clock_ms is None:
        newest = after.people["newest_ms"].max()
        clock_ms = max(after.clock_ms, newest if isinstance(newest, int) else 0)
    return WhatIf(
        before=evaluate(state, model, clock_ms),
        after=evaluate(after, model, clock_ms),
        change=change(state, after, model, clock_ms, clock_ms),
    )


def decline(state: State, model: Model, as_of_ms: int, days: Sequence[int]) -> pl.DataFrame:
    """The scores of everybody on later days (counted from `as_of_ms`) if nothing happens any more.

    All sources are taken to keep up, so nobody stands still. The frame has the columns of CURVE, sorted by
    person and day.
    """
    awake = replace(state, watermarks={})
    columns = [name for name in CURVE if name != "days"]
    parts = [
        evaluate(awake, model, as_of_ms + day * DAY_MS)
        .people.select(columns)
        .with_columns(days=pl.lit(day, pl.Int64))
        for day in days
    ]
    return pl.concat([pl.DataFrame(schema=dict(CURVE)), *(part.select(list(CURVE)) for part in parts)]).sort(
        "person", "days"
    )


def course(
    state: State, events: Sequence[Event], model: Model, as_of_ms: int, days: Sequence[int]
) -> pl.DataFrame:
    """As `decline`, where each of `events` is known from the day on, counted from `as_of_ms`, that it happens on.

    `days` rise. Nothing is kept of the events.
    """
    since = sorted({0, *(_day(event, as_of_ms) for event in events)})
    parts = []
    for first, end in zip(since, [*since[1:], None], strict=True):
        shown = [day for day in days if first <= day and (end is None or day < end)]
        if shown:
            known = frame(event for event in events if _day(event, as_of_ms) <= first)
            parts.append(decline(fold(state, known, model).state, model, as_of_ms, shown))
    return pl.concat([pl.DataFrame(schema=dict(CURVE)), *parts]).sort("person", "days")


def _day(event: Event, as_of_ms: int) -> int:
    return -(-(event.occurred_ms - as_of_ms) // DAY_MS)


def recovery(
    state: State, model: Model, as_of_ms: int, days: Sequence[int], severity: Severity
) -> pl.DataFrame:
    """As `decline`, after everybody gets a flag of this severity at `as_of_ms`."""
    taken = set(state.flags["ref_id"])
    free = EventId(next(number for number in range(len(taken) + 1) if number not in taken))
    flags = [
        Event(
            kind=Kind.FLAG,
            person=PersonId(person),
            ref_id=free,
            severity=severity,
            occurred_ms=as_of_ms,
            observed_ms=as_of_ms,
        )
        for person in state.people.filter(~pl.col("erased"))["person"]
    ]
    return decline(fold(state, frame(flags), model).state, model, as_of_ms, days)
