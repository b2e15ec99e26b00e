"""Records of the activity log as rows, and back, without loss. Pure: no files, no Kafka.

A record that scoring would fold becomes the columns of its event. Whatever these do not say is kept as bytes: a
record that does not pass the door is a row of kind 0 with its key and value in `raw_key` and `raw_value` (null for a
tombstone); of one that was written otherwise than `codec.encode` would, `raw_value` has the bytes beside the columns.
"""

from collections.abc import Iterable, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import polars as pl

from presence.batch import decode
from presence.events.vocabulary import NOBODY, Event, Kind
from presence.log import codec
from presence.model.columns import EVENTS

ROWS = MappingProxyType(
    {"offset": pl.Int64, "append_ms": pl.Int64}
    | EVENTS
    | {"sealed_ref": pl.Binary, "raw_key": pl.Binary, "raw_value": pl.Binary}
)
"""Column -> type of a row: `offset` in its partition; `append_ms` is the record's time, by the broker where the topic
says so; then the event as in EVENTS, its sealed reference, and what is raw."""

WHETHER_RAW = ("offset", "kind", "raw_key", "raw_value")
_DEFAULTS = {pl.String: "", pl.Binary: b"", pl.Boolean: False}


class Record(Protocol):
    """What a Kafka client hands over; `timestamp` in ms."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class Logged(NamedTuple):
    """A record as it stood in the log."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def rows(records: Sequence[Record]) -> pl.DataFrame:
    """The rows of `records`, in their order, with the columns of ROWS."""
    if not records:
        return pl.DataFrame(schema=dict(ROWS))
    keys = pl.Series([record.key for record in records], dtype=pl.Binary)
    values = pl.Series([record.value for record in records], dtype=pl.Binary)
    events, refused = decode.read(keys.to_list(), values.to_list(), whole=True)
    if refused:
        every = pl.DataFrame({"row": range(len(records))}, schema={"row": pl.Int64})
        events = every.join(events, on="row", how="left", maintain_order="left")
    events = events.with_columns(
        pl.col(name).fill_null(_DEFAULTS.get(kind, 0))
        for name, kind in ROWS.items()
        if name in events.columns
    )
    read = events.get_column("kind") != Kind.UNSPECIFIED
    told = read & (decode.values_of(events) == values).fill_null(value=False)
    keyed = read & _keys_of(events).eq_missing(keys)
    return events.with_columns(
        pl.Series("offset", [record.offset for record in records], dtype=pl.Int64),
        pl.Series("append_ms", [record.timestamp for record in records], dtype=pl.Int64),
        keys.set(keyed, None).alias("raw_key"),
        values.set(told, None).alias("raw_value"),
    ).select(list(ROWS))


def records(frame: pl.DataFrame) -> list[Logged]:
    """The very records that `frame`, with the columns of ROWS, was made of."""
    read = pl.col("kind") != Kind.UNSPECIFIED
    keys = frame.select(
        pl.when(read).then(pl.coalesce("raw_key", _keys_of(frame).alias("key"))).otherwise("raw_key")
    )
    values = frame.select(
        pl.when(read).then(pl.coalesce("raw_value", decode.values_of(frame))).otherwise("raw_value")
    )
    columns = (frame["offset"], frame["append_ms"], keys.to_series(), values.to_series())
    return [Logged(*each) for each in zip(*(column.to_list() for column in columns), strict=True)]


def events(frame: pl.DataFrame) -> Iterable[Event]:
    """The events of those rows that are events, as `codec.decode` gives them."""
    told = frame.filter(pl.col("kind") != Kind.UNSPECIFIED)
    return (codec.decode(record.value or b"") for record in records(told))


def as_of_today(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` as this code would make it of the same records: of those kept raw it may know more than who wrote them."""
    frame = frame.with_columns(
        pl.lit(_DEFAULTS.get(kind, None if name.startswith("raw_") else 0), kind).alias(name)
        for name, kind in ROWS.items()
        if name not in frame.columns
    ).select(list(ROWS))
    kept = frame.filter(raw())
    if kept.is_empty():
        return frame
    return pl.concat([frame.filter(~raw()), rows(records(kept))]).sort("offset")


def raw() -> pl.Expr:
    """Whether a row is more, or other, than its event's columns say; of the columns WHETHER_RAW."""
    return (
        pl.col("raw_key").is_not_null()
        | pl.col("raw_value").is_not_null()
        | (pl.col("kind") == Kind.UNSPECIFIED)
    )


def _keys_of(frame: pl.DataFrame) -> pl.Series:
    """The key that an event goes by: its person; none if it is everybody's."""
    people = frame.get_column("person")
    return people.set(people == NOBODY, None).cast(pl.Binary)
