"""Events as columns: the frame that a batch of the log is folded from."""

from collections.abc import Iterable
from operator import attrgetter
from types import MappingProxyType

import polars as pl

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Event

EVENTS = MappingProxyType(
    {
        "id": pl.UInt64,
        "kind": pl.UInt8,
        "person_kind": pl.UInt8,
        "person": pl.String,
        "network": pl.String,
        "account": pl.UInt64,
        "direction": pl.UInt8,
        "verb": pl.UInt8,
        "object": pl.UInt8,
        "actor": pl.UInt64,
        "actor_person": pl.String,
        "occurred_ms": pl.Int64,
        "observed_ms": pl.Int64,
        "time_quality": pl.UInt8,
        "magnitude": pl.Int64,
        "rating": pl.Int64,
        "gauge": pl.UInt8,
        "value": pl.Int64,
        "ref_id": pl.UInt64,
        "ref_occurred_ms": pl.Int64,
        "in_reply_to_other": pl.Boolean,
        "mean": pl.Int64,
        "number": pl.Int64,
        "severity": pl.UInt8,
        "withdrawn": pl.Boolean,
        "category": pl.UInt8,
        "complete_ms": pl.Int64,
    }
)
"""Column -> type, in the order of the log's schema: enums by number, ids and hashes unsigned, times in ms."""

_FIELDS = attrgetter(*EVENTS)


def frame(events: Iterable[Event]) -> pl.DataFrame:
    """`events` as a frame with the columns of EVENTS, one row each, in the order given (log order).

    The events have passed the door; its ranges hold. Raises InvalidEvent (`range`) where a field that the
    kind does not use is beyond 64 bits, which no record of the log can be.
    """
    rows = [_FIELDS(event) for event in events]
    try:
        return pl.DataFrame(rows, schema=dict(EVENTS), orient="row", strict=True)
    except (OverflowError, TypeError, pl.exceptions.PolarsError) as error:
        raise InvalidEvent("range", "a number is beyond 64 bits") from error
