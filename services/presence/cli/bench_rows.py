"""Generated events and states for measurements: the same numbers give the same rows."""

from typing import Any

import numpy as np
import polars as pl

from presence.events.vocabulary import Direction, Gauge, Kind, Object, PersonKind, Verb
from presence.model.columns import EVENTS
from presence.model.measures import DAY_MS
from presence.model.state import COUNTS, EVENTS_CODE, GAUGES, PEOPLE, State

NOW_MS = 20_780 * DAY_MS
"""2026-11-23T00:00Z, when all generated histories end."""
HISTORY_DAYS = 365
_ACTS = (
    (Direction.TO, Verb.LIKE, Object.NOTE, 60),
    (Direction.TO, Verb.CREATE, Object.NOTE, 10),
    (Direction.TO, Verb.ANNOUNCE, Object.NOTE, 5),
    (Direction.TO, Verb.FOLLOW, Object.UNSPECIFIED, 5),
    (Direction.TO, Verb.VIEW, Object.PROFILE, 5),
    (Direction.BY, Verb.CREATE, Object.NOTE, 10),
    (Direction.BY, Verb.LIKE, Object.NOTE, 5),
)
"""Acts and how many of 100 they are."""


def names(people: int) -> pl.Series:
    """Ids of the length and look of real ones, sorted."""
    return pl.Series(
        "person", [f"p_{number * 2_654_435_761 % 2**32:026d}" for number in range(people)]
    ).sort()


def events(count: int, people: int, seed: int = 1, named: pl.Series | None = None) -> pl.DataFrame:
    """`count` activities of `people` people over a year, on two networks, one account each; no repeats.

    `named` are their ids, if they have been made already.
    """
    random = np.random.default_rng(seed)
    directions, verbs, objects, shares = zip(*_ACTS, strict=True)
    act = np.repeat(np.arange(len(_ACTS)), shares)[random.integers(0, 100, count)]
    who = random.integers(0, people, count)
    first = random.integers(0, 10, count) < 7
    occurred = NOW_MS - random.integers(0, HISTORY_DAYS * DAY_MS, count)
    columns: dict[str, Any] = {
        "id": random.integers(0, 2**64, count, dtype=np.uint64),
        "kind": np.full(count, int(Kind.ACTIVITY)),
        "person": (names(people) if named is None else named).gather(who),
        "network": pl.Series(["bluesky", "linkedin"]).gather(np.where(first, 0, 1)),
        "account": np.where(first, 2 * who + 1, 2 * who + 2),
        "direction": np.array(directions)[act],
        "verb": np.array(verbs)[act],
        "object": np.array(objects)[act],
        "actor": random.integers(1, 2**64, count, dtype=np.uint64),
        "occurred_ms": occurred,
        "observed_ms": occurred + 1000,
        "magnitude": np.ones(count, dtype=np.int64),
        "in_reply_to_other": random.integers(0, 2, count).astype(np.bool_),
    }
    blank = {name: "" if kind == pl.String else 0 for name, kind in EVENTS.items() if name not in columns}
    frame = pl.DataFrame({name: pl.Series(name, values) for name, values in columns.items()})
    filled = frame.with_columns(pl.lit(value).alias(name) for name, value in blank.items())
    return filled.select(pl.col(name).cast(kind) for name, kind in EVENTS.items())


def state(people: int, rows: int, seed: int = 1) -> State:
    """A state of `people` people with about `rows` count rows each, on two accounts, and three gauges."""
    random = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), rows)
    second = random.integers(0, 10, len(who)) >= 7
    signal = np.array([1, 3, 4, 6, 6, 6, 6, 7, 8, 10])[random.integers(0, 10, len(who))]
    weeks = max(HISTORY_DAYS // 7, rows // 200)
    counts = pl.DataFrame(
        {
            "who": who,
            "second": second,
            "signal": signal.astype(np.uint8),
            "slot": np.where(signal < 6, 0, random.integers(0, 64, len(who))).astype(np.uint8),
            "week": (NOW_MS // DAY_MS // 7 - random.integers(0, weeks, len(who))).astype(np.int32),
            "amount": np.full(len(who), 1000),
        }
    )
    keys = ["who", "second", "signal", "slot", "week"]
    counts = counts.group_by(keys).agg(pl.col("amount").sum())
    standing = (
        counts.group_by("who", "second")
        .agg(pl.col("amount").sum() // 1000)
        .with_columns(
            signal=pl.lit(EVENTS_CODE, pl.UInt8), slot=pl.lit(0, pl.UInt8), week=pl.lit(0, pl.Int32)
        )
    )
    counts = _named(pl.concat([counts, standing.select(counts.columns)]).sort(keys), people)
    return State(
        people=_people(people),
        counts=counts.select(pl.col(name).cast(kind) for name, kind in COUNTS.items()),
        gauges=_gauges(people),
        flags=State.empty().flags,
        ledger=State.empty().ledger,
        clock_ms=NOW_MS,
        watermarks={"bluesky": NOW_MS, "linkedin": NOW_MS},
    )


def _named(rows: pl.DataFrame, people: int) -> pl.DataFrame:
    second = rows["second"].to_numpy()
    return rows.with_columns(
        names(people).gather(rows["who"]),
        pl.Series("network", ["bluesky", "linkedin"]).gather(second.astype(np.int64)),
        pl.Series("account", 2 * rows["who"].to_numpy() + 1 + second),
    )


def _people(people: int) -> pl.DataFrame:
    columns = {"person": names(people), "kind": int(PersonKind.PERSON), "newest_ms": NOW_MS}
    rest = {name: 0 for name in PEOPLE if name not in columns}
    return (
        pl.DataFrame(columns)
        .with_columns(pl.lit(value).alias(name) for name, value in rest.items())
        .select(pl.col(name).cast(kind) for name, kind in PEOPLE.items())
    )


def _gauges(people: int) -> pl.DataFrame:
    gauges = [(False, Gauge.FOLLOWERS), (False, Gauge.PROFILE_COMPLETENESS), (True, Gauge.CONNECTIONS)]
    rows = pl.DataFrame(
        {
            "who": np.repeat(np.arange(people), len(gauges)),
            "second": np.tile([second for second, _ in gauges], people),
            "gauge": np.tile([int(gauge) for _, gauge in gauges], people),
            "value": np.tile([200, 80, 150], people),
            "observed_ms": np.full(people * len(gauges), NOW_MS),
            "id": np.arange(people * len(gauges)),
        }
    )
    return _named(rows, people).select(pl.col(name).cast(kind) for name, kind in GAUGES.items())
