"""Between the bytes of the log and `Event`.

Nothing else in Presence touches `Event`'s protobuf, but `presence.batch.decode`, which reads whole batches.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from operator import attrgetter
from types import MappingProxyType
from typing import Any, get_type_hints

from google.protobuf.message import DecodeError

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Event, Kind, Word
from presence.v1 import event_pb2

_FIELDS = tuple(field.name for field in fields(Event))
_values = attrgetter(*_FIELDS)
_WORDS: dict[str, Callable[[int], Word]] = {
    name: word
    for name, word in get_type_hints(Event).items()
    if isinstance(word, type) and issubclass(word, Word)
}
_USED: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.ENROLLED: ("person_kind",),
        Kind.ACTIVITY: ("direction", "verb", "object", "time_quality"),
        Kind.GAUGE: ("gauge",),
        Kind.FLAG: ("severity", "category", "decision", "grounds"),
    }
)
"""The words that a kind uses: a newer writer may have set others that this code does not know."""
RECORD_BYTES_MAX = 16_384
"""Far above any real record; a longer one is hostile or not ours."""


def encode(event: Event) -> bytes:
    """The record value of `event`. Deterministic: the same event gives the same bytes."""
    # A default is not on the wire, and setting it costs as much as any other value: most events have two thirds of them.
    set_fields = {name: value for name, value in zip(_FIELDS, _values(event), strict=True) if value}
    message = event_pb2.Event(**set_fields)
    return message.SerializeToString(deterministic=True)


def parse(value: bytes) -> event_pb2.Event:
    """The message of one record value. Raises InvalidEvent: `too_long` or `not_protobuf`."""
    if len(value) > RECORD_BYTES_MAX:
        raise InvalidEvent("too_long", f"{len(value)} bytes")
    try:
        return event_pb2.Event.FromString(value)
    except DecodeError as error:
        raise InvalidEvent("not_protobuf") from error


def decode(value: bytes) -> Event:
    """The event of one record value.

    Raises InvalidEvent: `too_long`, `not_protobuf`, or `unknown_word` for an enum value that is not
    in the vocabulary, in a field that the record's kind uses; elsewhere it is unspecified. Ranges are not
    checked again; the door did it before the record was written.
    """
    message = parse(value)
    values: dict[str, Any] = {name: getattr(message, name) for name in _FIELDS}
    try:
        values["kind"] = Kind(values["kind"])
        used = _USED.get(values["kind"], ())
        for name, word in _WORDS.items():
            values[name] = word(values[name]) if name in used else _known(word, values[name])
    except ValueError as error:
        raise InvalidEvent("unknown_word", str(error)) from error
    values["associates"] = tuple(values["associates"])
    return Event(**values)


def _known(word: Callable[[int], Word], number: int) -> Word:
    try:
        return word(number)
    except ValueError:
        return word(0)
