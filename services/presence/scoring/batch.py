"""From fetched records to what the fold takes: a frame of events, and what could not be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from presence.events import door
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import NOBODY, Event
from presence.log import codec
from presence.model import columns
from presence.scoring.store import DeadLetter

VALUE_BYTES_MAX = codec.RECORD_BYTES_MAX
"""How much of an unreadable record is kept for the dead letter topic."""


class Record(Protocol):
    """What a Kafka client hands over."""

    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records of one partition, in log order."""

    events: pl.DataFrame
    last_offsets: dict[str, int]
    """Of each person's newest record."""
    dead: list[DeadLetter]
    next_offset: int


def read(records: Sequence[Record]) -> Batch:
    """Decode `records`, at least one. A record that does not pass the door is a dead letter, never an error."""
    events: list[Event] = []
    last_offsets: dict[str, int] = {}
    dead: list[DeadLetter] = []
    for record in records:
        try:
            event = _read_one(record)
        except InvalidEvent as error:
            value = (record.value or b"")[:VALUE_BYTES_MAX]
            dead.append(DeadLetter(record.offset, error.reason, value))
            continue
        events.append(event)
        if event.person != NOBODY:
            last_offsets[event.person] = record.offset
    return Batch(columns.frame(events), last_offsets, dead, records[-1].offset + 1)


def _read_one(record: Record) -> Event:
    if record.value is None:
        raise InvalidEvent("tombstone", "the log has no tombstones")
    event = door.check(codec.decode(record.value))
    if event.person != NOBODY and record.key != event.person.encode():
        raise InvalidEvent("key", "the record's key is not its person")
    return event
