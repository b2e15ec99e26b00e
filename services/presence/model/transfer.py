"""A state as bytes and back: what one process tells another of some people. JSON, a list of rows per table."""

from typing import Any

import msgspec
import polars as pl

from presence.model.state import COUNTS, FLAGS, GAUGES, KEYS, LEDGER, PEOPLE, State

_SCHEMAS = {"people": PEOPLE, "counts": COUNTS, "gauges": GAUGES, "flags": FLAGS, "ledger": LEDGER}


class _State(msgspec.Struct, forbid_unknown_fields=True):
    clock_ms: int
    watermarks: dict[str, int]
    people: list[list[Any]]
    counts: list[list[Any]]
    gauges: list[list[Any]]
    flags: list[list[Any]]
    ledger: list[list[Any]]


class NoState(ValueError):
    """Not what `encode` writes."""


def encode(state: State) -> bytes:
    """The state as JSON; equal states give equal bytes."""
    tables = {table: [list(row) for row in getattr(state, table).iter_rows()] for table in KEYS}
    return msgspec.json.encode(_State(state.clock_ms, dict(state.watermarks), **tables))


def decode(content: bytes) -> State:
    """The state that `encode` wrote. Raises NoState for anything else."""
    try:
        found = msgspec.json.decode(content, type=_State)
        tables = {
            table: pl.DataFrame(getattr(found, table), schema=dict(schema), orient="row", strict=True)
            for table, schema in _SCHEMAS.items()
        }
    except (msgspec.DecodeError, TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise NoState(str(error)) from error
    return State(clock_ms=found.clock_ms, watermarks=found.watermarks, **tables)
