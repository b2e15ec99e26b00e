"""From the values of the log to columns, a whole batch at once; exact where `codec.decode` and the door are.

The columns are read straight from the parsed messages, and the door's rules are tried on whole columns. A row that
these do not admit is taken through `codec.decode` and `door.check` by itself, so that there is one word on what is bad.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from presence.events import door
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import NOBODY, Direction, Gauge, Kind, Object, TimeQuality, Verb
from presence.log import codec
from presence.model.columns import EVENTS
from presence.v1 import event_pb2

Mask = NDArray[np.bool_]
Index = NDArray[np.intp]
Columns = dict[str, NDArray[Any]]

_EVERY = ("kind", "occurred_ms", "observed_ms", "id", "account")
_TEXT = ("person", "network")
_ACTIVITY = ("direction", "verb", "object", "actor", "time_quality", "magnitude")
_UNREAD = {"actor_person"}
"""Of no use to the fold; its length is looked at in long records only."""
_DTYPES: Mapping[str, np.dtype[Any]] = MappingProxyType(
    {
        name: np.dtype({pl.UInt8: "u1", pl.UInt64: "u8", pl.Int64: "i8", pl.Boolean: "?"}[kind])
        for name, kind in EVENTS.items()
        if kind != pl.String
    }
)
_REST = tuple(
    name
    for name in EVENTS
    if name not in {*_EVERY, *_TEXT, *_ACTIVITY, *_UNREAD, "rating", "in_reply_to_other"}
)
"""What only the rarer kinds use."""
_WIDE = np.dtype("i8")
"""Enums are read wide, since a record may hold any int32."""
GAUGE_MAX = np.array([door.GAUGE_MAX.get(gauge, -1) for gauge in Gauge])
_parse = event_pb2.Event.FromString


def read(keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> tuple[pl.DataFrame, dict[int, str]]:
    """The events of records, with their `row` among them, and of each row that is refused the reason.

    The frame has the columns of EVENTS but `actor_person`; fields that a record's kind does not use are 0.
    """
    messages, refused = _parsed(values)
    columns, people, networks = _columns(messages)
    admitted = _admitted(columns, people, networks) & _of_their_key(keys, people)
    admitted &= _bounded(values, messages)
    for row in np.flatnonzero(~admitted).tolist():
        if row not in refused:
            reason = _refusal(keys[row], values[row] or b"")
            admitted[row] = not reason
            if reason:
                refused[row] = reason
    frame = pl.DataFrame(
        {
            "row": np.arange(len(values), dtype=np.int64),
            "person": people,
            "network": networks,
            **{name: column.astype(_DTYPES[name], copy=False) for name, column in columns.items()},
        }
    )
    return (frame.filter(pl.Series(admitted)) if refused else frame), refused


def _parsed(values: Sequence[bytes | None]) -> tuple[list[event_pb2.Event], dict[int, str]]:
    """The messages; an empty one in place of what cannot be one."""
    if None not in values and max(map(len, values), default=0) <= codec.RECORD_BYTES_MAX:  # type: ignore[arg-type]  # no None
        try:
            return list(map(_parse, values)), {}  # type: ignore[arg-type]  # no None
        except DecodeError:
            pass
    messages, refused = [], {}
    for row, value in enumerate(values):
        try:
            messages.append(codec.parse(value or b""))
        except InvalidEvent as error:
            refused[row] = error.reason
            messages.append(event_pb2.Event())
        if value is None:
            refused[row] = "tombstone"
    return messages, refused


def _columns(messages: Sequence[event_pb2.Event]) -> tuple[Columns, pl.Series, pl.Series]:
    """The numeric columns by name, the people and the networks."""
    size = len(messages)
    people, networks = (
        pl.Series(name, list(map(attrgetter(name), messages)), dtype=pl.String) for name in _TEXT
    )
    columns = {name: _column(messages, name) for name in _EVERY}
    acts = np.flatnonzero(columns["kind"] == Kind.ACTIVITY)
    columns |= {name: _spread(messages, name, acts) for name in _ACTIVITY}
    created, reviews = columns["verb"] == Verb.CREATE, columns["verb"] == Verb.REVIEW
    columns["in_reply_to_other"] = _spread(messages, "in_reply_to_other", np.flatnonzero(created))
    columns["rating"] = _spread(messages, "rating", np.flatnonzero(reviews))
    others = np.flatnonzero(columns["kind"] != Kind.ACTIVITY)
    columns |= {name: _spread(messages, name, others) for name in _REST}
    assert all(len(column) == size for column in columns.values())
    return columns, people, networks


def _column(messages: Sequence[event_pb2.Event], name: str) -> NDArray[Any]:
    dtype = _WIDE if _DTYPES[name].itemsize == 1 else _DTYPES[name]
    return np.fromiter(map(attrgetter(name), messages), dtype, count=len(messages))


def _spread(messages: Sequence[event_pb2.Event], name: str, rows: Index) -> NDArray[Any]:
    """The column of `rows`, 0 elsewhere."""
    if len(rows) == len(messages):
        return _column(messages, name)
    some = _column([messages[row] for row in rows.tolist()], name)
    column = np.zeros(len(messages), dtype=some.dtype)
    column[rows] = some
    return column


def _admitted(columns: Columns, people: pl.Series, networks: pl.Series) -> Mask:
    """Of which rows the columns show that the door admits them; it may admit others as well."""
    observed = columns["observed_ms"]
    person_chars = people.str.len_chars().to_numpy()
    named = (person_chars > 0) & (person_chars <= door.PERSON_CHARS_MAX)
    codes = networks.unique()
    codes = codes.filter(codes.str.contains(f"^(?:{door.NETWORK.pattern})$"))
    network = networks.is_in(codes.implode()).to_numpy()
    by_kind = np.zeros((3, len(people)), dtype=np.bool_)
    by_kind[0] = (columns["kind"] == Kind.ACTIVITY) & network & _activity(columns)
    by_kind[1] = (columns["kind"] == Kind.GAUGE) & network & _gauge(columns)
    by_kind[2] = columns["kind"] == Kind.UNDO
    admitted: Mask = named & (observed > 0) & (observed <= door.TIME_MS_MAX) & by_kind.any(axis=0)
    return admitted


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
    fine = (pl.Series(keys, dtype=pl.Binary) == people.cast(pl.Binary)).fill_null(value=False)
    return (fine | (people == NOBODY)).to_numpy()


def _bounded(values: Sequence[bytes | None], messages: Sequence[event_pb2.Event]) -> Mask:
    """Which records have short enough fields that are not read into columns."""
    fine = np.ones(len(values), dtype=np.bool_)
    lengths = np.fromiter((len(value or b"") for value in values), dtype=np.int64, count=len(values))
    for row in np.flatnonzero(lengths > door.PERSON_CHARS_MAX).tolist():
        message = messages[row]
        fine[row] = (
            len(message.actor_person) <= door.PERSON_CHARS_MAX
            and len(message.sealed_ref) <= door.SEALED_REF_BYTES_MAX
        )
    return fine


def _refusal(key: bytes | None, value: bytes) -> str:
    """In one word why a record is not admitted; empty if it is."""
    try:
        event = door.check(codec.decode(value))
    except InvalidEvent as error:
        return error.reason
    return "" if event.person == NOBODY or key == event.person.encode() else "key"
