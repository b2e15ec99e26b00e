"""The state of people: integer counts, newest values and the ledger of what was counted.

A state is canonical: every frame is sorted by its key and rows that say nothing are absent, so equal
states are equal frames and equal bytes. It may be partial: the rows of some people only.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import polars as pl

EVENTS_CODE = 0
"""The code of the count row (slot and week 0) that says how many activities of an account stand."""

PEOPLE = MappingProxyType(
    {
        "person": pl.String,
        "kind": pl.UInt8,
        "kind_observed_ms": pl.Int64,
        "kind_id": pl.UInt64,
        "newest_ms": pl.Int64,
        "events": pl.Int64,
        "erased": pl.Boolean,
        "associates_mean": pl.Int64,
        "associates_number": pl.Int64,
        "associates_observed_ms": pl.Int64,
        "associates_id": pl.UInt64,
    }
)
COUNTS = MappingProxyType(
    {
        "person": pl.String,
        "network": pl.String,
        "account": pl.UInt64,
        "signal": pl.UInt8,
        "slot": pl.UInt8,
        "week": pl.Int32,
        "amount": pl.Int64,
    }
)
GAUGES = MappingProxyType(
    {
        "person": pl.String,
        "network": pl.String,
        "account": pl.UInt64,
        "gauge": pl.UInt8,
        "value": pl.Int64,
        "observed_ms": pl.Int64,
        "id": pl.UInt64,
    }
)
FLAGS = MappingProxyType(
    {
        "person": pl.String,
        "ref_id": pl.UInt64,
        "severity": pl.UInt8,
        "occurred_ms": pl.Int64,
        "withdrawn": pl.Boolean,
        "observed_ms": pl.Int64,
        "id": pl.UInt64,
    }
)
LEDGER = MappingProxyType(
    {
        "person": pl.String,
        "id": pl.UInt64,
        "network": pl.String,
        "account": pl.UInt64,
        "signal": pl.UInt8,
        "slot": pl.UInt8,
        "week": pl.Int32,
        "amount": pl.Int64,
        "stars": pl.Int64,
        "undone": pl.Boolean,
    }
)
KEYS = MappingProxyType(
    {
        "people": ("person",),
        "counts": ("person", "network", "account", "signal", "slot", "week"),
        "gauges": ("person", "network", "account", "gauge"),
        "flags": ("person", "ref_id"),
        "ledger": ("person", "id"),
    }
)
"""Table -> key columns; every table is sorted by them, and has one row of each key."""


@dataclass(frozen=True)
class State:
    """What is known of some people, and the clock and watermarks of their partition.

    people: kind 1 where no ENROLLED was seen (then `kind_observed_ms` 0); `associates_number` 0 without a
    snapshot; `events` is how many activities stand in the ledger and are not undone.
    counts: amounts in thousandths of an event, never 0. The row of signal 0 is the number of activities of
    the account that stand; it belongs to no signal and no score.
    ledger: an undone entry says nothing but that it is undone (network "", numbers 0).
    watermarks: network -> complete_ms.
    """

    people: pl.DataFrame
    counts: pl.DataFrame
    gauges: pl.DataFrame
    flags: pl.DataFrame
    ledger: pl.DataFrame
    clock_ms: int = 0
    watermarks: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def empty(cls) -> "State":
        people, counts, gauges, flags, ledger = (
            pl.DataFrame(schema=dict(schema)) for schema in (PEOPLE, COUNTS, GAUGES, FLAGS, LEDGER)
        )
        return cls(people, counts, gauges, flags, ledger)

    def canonical(self) -> "State":
        """The same state with every table sorted by its key: for rows that come out of a store."""
        return self.mapped(lambda table, rows: rows.sort(KEYS[table]))

    def mapped(self, change: Callable[[str, pl.DataFrame], pl.DataFrame]) -> "State":
        """The state with every table replaced by what `change` makes of its name and rows."""
        tables: dict[str, Any] = {table: change(table, getattr(self, table)) for table in KEYS}
        return replace(self, **tables)

    def equals(self, other: "State") -> bool:
        """Whether both are the same in every row and bit."""
        same = all(getattr(self, table).equals(getattr(other, table)) for table in KEYS)
        return same and self.clock_ms == other.clock_ms and dict(self.watermarks) == dict(other.watermarks)
