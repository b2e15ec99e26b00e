"""From the values of the log to columns, a whole batch at once, and back; exact where `codec.decode` and the door are.

`ptars` reads the messages into columns, and the door's rules are tried on whole columns. A row that these do not
admit is taken through `codec.decode` and `door.check` by itself, so that there is one word on what is bad; records
are short enough (`codec.RECORD_BYTES_MAX`) that no nesting of theirs can exhaust a stack.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from ptars import HandlerPool

from presence.events import door
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import NOBODY, Direction, Gauge, Kind, Object, TimeQuality, Verb
from presence.log import codec
from presence.model import frames
from presence.model.columns import EVENTS
from presence.v1 import event_pb2

Mask = NDArray[np.bool_]
Columns = dict[str, NDArray[Any]]

_NUMBERS = tuple(name for name, kind in EVENTS.items() if kind != pl.String)
_NESTING_BYTES_MAX = 200
"""Fewer bytes cannot nest groups deeper than protobuf itself reads: 100, of two bytes each at least."""
GAUGE_MAX = np.array([door.GAUGE_MAX.get(gauge, -1) for gauge in Gauge])


def read(
    keys: Sequence[bytes | None], values: Sequence[bytes | None], *, whole: bool = False
) -> tuple[pl.DataFrame, dict[int, str]]:
    """The events of records, and of each row that is refused the reason.

    The frame has the columns of EVENTS but `actor_person`, which no score needs, and at last `row`: the event's place
    among the records. A `whole` one has `actor_person` before that, and `sealed_ref`.
    """
    parsed, refused = _parsed(values)
    columns = {name: parsed.column(name).to_numpy(zero_copy_only=False) for name in _NUMBERS}
    people, networks = (
        pl.Series(name, parsed.column(name), dtype=pl.String) for name in ("person", "network")
    )
    person_chars, actor_chars = (
        pc.utf8_length(parsed.column(name)).to_numpy() for name in ("person", "actor_person")
    )
    sealed = pc.binary_length(parsed.column("sealed_ref")).to_numpy()
    admitted = _admitted(columns, person_chars, networks) & _of_their_key(keys, people)
    admitted &= (actor_chars <= door.PERSON_CHARS_MAX) & (sealed <= door.SEALED_REF_BYTES_MAX)
    lengths = np.fromiter((len(value or b"") for value in values), dtype=np.int64, count=len(values))
    admitted &= lengths - sealed <= _NESTING_BYTES_MAX
    for row in np.flatnonzero(~admitted).tolist():
        if row not in refused:
            reason = _refusal(keys[row], values[row] or b"")
            admitted[row] = not reason
            if reason:
                refused[row] = reason
    frame = pl.DataFrame(
        {
            "person": people,
            "network": networks,
            **{name: pl.Series(column).cast(EVENTS[name], strict=False) for name, column in columns.items()},
            "row": np.arange(len(values), dtype=np.int64),
        }
    )
    if whole:
        strings = (("actor_person", pl.String), ("sealed_ref", pl.Binary))
        more = (pl.Series(name, parsed.column(name), dtype=dtype) for name, dtype in strings)
        frame = frames.put(frame.drop("row"), *more, frame.get_column("row"))
    return frames.kept(frame, admitted), refused


def refusals(events: pl.DataFrame) -> Iterator[tuple[int, str]]:
    """Which rows of `events`, with the columns of EVENTS and no nulls, the door refuses, and in one word why.

    Raises InvalidEvent (`range`) if a number is beyond what its field of a record can hold.
    """
    columns = {name: events.get_column(name).to_numpy() for name in _NUMBERS}
    person_chars = events.get_column("person").str.len_chars().to_numpy()
    doubtful = np.flatnonzero(~_admitted(columns, person_chars, events.get_column("network")))
    rows = events[doubtful]
    try:
        values = values_of(rows)
    except pa.ArrowInvalid as error:
        raise InvalidEvent("range", str(error)) from error
    for row, person, value in zip(doubtful.tolist(), rows.get_column("person"), values, strict=True):
        if reason := _refusal(person.encode() or None, value):
            yield row, reason


def values_of(events: pl.DataFrame) -> pl.Series:
    """The record values of a whole frame's events: for each the bytes that `codec.encode` makes of it.

    A field without a column has its default.
    """
    default = _handler().list_to_record_batch([b""])
    nothing = np.zeros(events.height, dtype=np.int64)
    columns = [
        events.get_column(field.name).to_arrow().cast(field.type)
        if field.name in events.columns
        else default.column(field.name).take(nothing)
        for field in default.schema
    ]
    batch = pa.RecordBatch.from_arrays(columns, schema=default.schema)
    return pl.Series("value", _handler().record_batch_to_array(batch), dtype=pl.Binary)


@cache
def _handler() -> Any:
    return HandlerPool([event_pb2.DESCRIPTOR]).get_for_message(event_pb2.Event.DESCRIPTOR)


def _parsed(values: Sequence[bytes | None]) -> tuple[pa.RecordBatch, dict[int, str]]:
    """The messages as columns; an empty one in place of what cannot be one."""
    refused: dict[int, str] = {}
    readable: list[bytes] = []
    for row, value in enumerate(values):
        if value is None or len(value) > codec.RECORD_BYTES_MAX:
            refused[row] = "tombstone" if value is None else "too_long"
            value = b""  # noqa: PLW2901 (it stands in its place)
        readable.append(value)
    try:
        return _handler().list_to_record_batch(readable), refused
    except ValueError:
        for row in _unreadable(readable, 0, len(readable)):
            refused[row], readable[row] = "not_protobuf", b""
        return _handler().list_to_record_batch(readable), refused


def _unreadable(values: Sequence[bytes], begin: int, end: int) -> Iterator[int]:
    """Which of `values` between `begin` and `end` are no message: found by halving, since few are."""
    try:
        _handler().list_to_record_batch(values[begin:end])
    except ValueError:
        if end - begin == 1:
            yield begin
            return
        middle = (begin + end) // 2
        yield from _unreadable(values, begin, middle)
        yield from _unreadable(values, middle, end)


def _admitted(columns: Columns, person_chars: NDArray[Any], networks: pl.Series) -> Mask:
    """Of which rows the columns show that the door admits them; it may admit others as well."""
    observed = columns["observed_ms"]
    named = (person_chars > 0) & (person_chars <= door.PERSON_CHARS_MAX)
    network = _fine(networks)
    by_kind = np.zeros((3, len(networks)), dtype=np.bool_)
    by_kind[0] = (columns["kind"] == Kind.ACTIVITY) & network & _activity(columns)
    by_kind[1] = (columns["kind"] == Kind.GAUGE) & network & _gauge(columns)
    by_kind[2] = columns["kind"] == Kind.UNDO
    admitted: Mask = named & (observed > 0) & (observed <= door.TIME_MS_MAX) & by_kind.any(axis=0)
    return admitted


def _fine(networks: pl.Series) -> Mask:
    """Which rows name a network as the door wants it."""
    names = frames.distinct(networks)
    fine = np.fromiter((door.NETWORK.fullmatch(name) is not None for name in names), np.bool_, len(names))
    return fine[frames.codes(networks, pl.Enum(names))]


def _activity(columns: Columns) -> Mask:
    occurred, received = columns["occurred_ms"], columns["direction"] == Direction.TO
    reviewed = received & (columns["verb"] == Verb.REVIEW)
    rating, magnitude = columns["rating"], columns["magnitude"]
    fine: Mask = (occurred >= door.OCCURRED_MS_MIN) & (
        occurred <= columns["observed_ms"] + door.FUTURE_MS_MAX
    )
    fine &= _word(columns["verb"], Verb, 1) & _word(columns["direction"], Direction, 1)
    fine &= _word(columns["object"], Object, 0) & _word(columns["time_quality"], TimeQuality, 0)
    fine &= ~received | (columns["actor"] != 0)
    rated = (rating >= door.RATING_MIN) & (rating <= door.RATING_MAX)
    counted = (magnitude >= 1) & (magnitude <= door.MAGNITUDE_MAX)
    return fine & np.where(reviewed, rated, counted)


def _gauge(columns: Columns) -> Mask:
    known = _word(columns["gauge"], Gauge, 1)
    value = columns["value"]
    fine: Mask = known & (value >= 0) & (value <= GAUGE_MAX[np.where(known, columns["gauge"], 0)])
    return fine


def _word(column: NDArray[Any], words: type, smallest: int) -> Mask:
    fine: Mask = (column >= smallest) & (column < len(words))  # type: ignore[arg-type]  # an enum has a length
    return fine


def _of_their_key(keys: Sequence[bytes | None], people: pl.Series) -> Mask:
    """Which records have their person as key; nobody's may have any."""
    told = pl.Series([key or b"" for key in keys], dtype=pl.Binary)
    fine: Mask = (told == people.cast(pl.Binary)).to_numpy() | (people == NOBODY).to_numpy()
    return fine


def _refusal(key: bytes | None, value: bytes) -> str:
    """In one word why a record is not admitted; empty if it is."""
    try:
        event = door.check(codec.decode(value))
    except InvalidEvent as error:
        return error.reason
    return "" if event.person == NOBODY or key == event.person.encode() else "key"
