"""Between the bytes of the log and `Event`; nothing else in Presence touches `Event`'s protobuf."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

from google.protobuf.message import DecodeError

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Event, Word
from presence.v1 import event_pb2

_FIELDS = tuple(field.name for field in fields(Event))
_WORDS: dict[str, Callable[[int], Word]] = {
    name: word
    for name, word in get_type_hints(Event).items()
    if isinstance(word, type) and issubclass(word, Word)
}
RECORD_BYTES_MAX = 16_384
"""Far above any real record; a longer one is hostile or not ours."""


def encode(event: Event) -> bytes:
    """The record value of `event`. Deterministic: the same event gives the same bytes."""
    message = event_pb2.Event(**{name: getattr(event, name) for name in _FIELDS})
    return message.SerializeToString(deterministic=True)


def decode(value: bytes) -> Event:
    """The event of one record value.

    Raises InvalidEvent: `too_long`, `not_protobuf`, or `unknown_word` for an enum value that is not
    in the vocabulary. Ranges are not checked again; the door did it before the record was written.
    """
    if len(value) > RECORD_BYTES_MAX:
        raise InvalidEvent("too_long", f"{len(value)} bytes")
    try:
        message = event_pb2.Event.FromString(value)
    except DecodeError as error:
        raise InvalidEvent("not_protobuf") from error
    values: dict[str, Any] = {name: getattr(message, name) for name in _FIELDS}
    try:
        for name, word in _WORDS.items():
            values[name] = word(values[name])
    except ValueError as error:
        raise InvalidEvent("unknown_word", str(error)) from error
    return Event(**values)
