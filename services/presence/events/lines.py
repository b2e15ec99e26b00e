"""Events as lines of text: one JSON object per line, with the field names of the vocabulary.

Enums are words in any usual spelling, ids and hashes are integers, bytes are hexadecimal; fields that do
not apply may be missing. Standard library only.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from presence.events.door import U64_MAX, check
from presence.events.errors import CallerError, InvalidEvent
from presence.events.vocabulary import Event, PersonId, Word

LINE_BYTES_MAX = 65_536
"""No event comes near: it has 36 fields, a sealed reference of at most 4,096 bytes and 50 ids."""
I64_MAX = 2**63 - 1


def read(lines: Iterable[bytes]) -> Iterator[Event]:
    """The event of each line; empty lines are passed over.

    Raises CallerError with the line's number and the reason at the first line that is no event or does
    not pass the door.
    """
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield parse(line)
            except InvalidEvent as error:
                raise CallerError(f"line {number}: {error}") from error


def write(event: Event) -> str:
    """The line of `event`, without its end; fields with their default value are left out.

    >>> write(Event(kind=Kind.ERASED, observed_ms=1, person=PersonId("ada")))
    '{"kind": "ERASED", "observed_ms": 1, "person": "ada"}'
    """
    told = ((name, getattr(event, name), default) for name, default in _DEFAULTS)
    return json.dumps({name: _plain(value) for name, value, default in told if value != default})


def _plain(value: Any) -> Any:
    if isinstance(value, Word):
        return value.name
    if isinstance(value, tuple):
        return list(value)
    return value.hex() if isinstance(value, bytes) else value


def parse(line: bytes) -> Event:
    """The event that one line tells. Raises InvalidEvent, with the door's reasons or `json`, `field`, `type`."""
    if len(line) > LINE_BYTES_MAX:
        raise InvalidEvent("json", f"the line is longer than {LINE_BYTES_MAX} bytes")
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidEvent("json", "the line is not JSON") from error
    if not isinstance(told, dict):
        raise InvalidEvent("json", "the line is not a JSON object")
    if not told.keys() <= _READERS.keys():
        raise InvalidEvent("field", "a name is no field of an event")
    for name in ("kind", "observed_ms"):
        if name not in told:
            raise InvalidEvent("field", f"{name} is missing")
    return check(Event(**{name: _value(name, value) for name, value in told.items()}))


def _value(name: str, value: Any) -> Any:
    try:
        return _READERS[name](value)
    except (TypeError, ValueError) as error:
        raise InvalidEvent("type", f"{name} is not {_EXPECTED[name]}") from error


def _word(words: type[Word]) -> Callable[[Any], Word]:
    return lambda value: words.parse(_text(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # Half a surrogate pair is no text; this raises ValueError.
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _bytes(value: Any) -> bytes:
    return bytes.fromhex(_text(value))


def _people(value: Any) -> tuple[PersonId, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(PersonId(_text(each)) for each in value)


def _integer(low: int, high: int) -> Callable[[Any], int]:
    def read_integer(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError
        if not low <= value <= high:
            raise ValueError
        return value

    return read_integer


def _reader(kind: Any) -> tuple[Callable[[Any], Any], str]:
    """How a field of this type is read, and how to name what it must be."""
    if isinstance(kind, type) and issubclass(kind, Word):
        return _word(kind), f"a word of {kind.__name__}"
    if getattr(kind, "__supertype__", kind) is str:
        return _text, "text"
    return _PLAIN.get(kind, (_integer(0, U64_MAX), "an unsigned 64-bit integer"))


_PLAIN: Mapping[Any, tuple[Callable[[Any], Any], str]] = MappingProxyType(
    {
        bool: (_truth, "true or false"),
        bytes: (_bytes, "hexadecimal text"),
        int: (_integer(-I64_MAX - 1, I64_MAX), "a 64-bit integer"),
        tuple[PersonId, ...]: (_people, "a list of people's ids"),
    }
)
_READERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {field.name: _reader(field.type)[0] for field in fields(Event)}
)
_EXPECTED: Mapping[str, str] = MappingProxyType(
    {field.name: _reader(field.type)[1] for field in fields(Event)}
)
_DEFAULTS = tuple((field.name, field.default) for field in fields(Event))
"""MISSING, which no value equals, where a field has none."""
