"""From fetched records to what the fold takes: a frame of events, and what could not be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from presence.events import door
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import NOBODY, Event, Kind
from presence.log import codec
from presence.log.topics import DAY_MS
from presence.model import columns
from presence.scoring.dead import DeadLetter

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
    ticks: list[tuple[int, Event]]
    """The CLOCK and WATERMARK records, with their offsets."""
    dead: list[DeadLetter]
    next_offset: int

    def new_day_offset(self, clock_ms: int, watermarks: Mapping[str, int]) -> int | None:
        """Of the last record that moves the clock, or a network's watermark to another day; None if none does.

        Only such a record changes the scores of people whom it does not name. `clock_ms` and `watermarks` are
        those before the batch.
        """
        offset, days = None, {network: ms // DAY_MS for network, ms in watermarks.items()}
        for at, tick in self.ticks:
            if tick.kind == Kind.CLOCK and tick.observed_ms > clock_ms:
                offset, clock_ms = at, tick.observed_ms
            elif tick.kind == Kind.WATERMARK and tick.complete_ms // DAY_MS > days.get(tick.network, -1):
                offset, days[tick.network] = at, tick.complete_ms // DAY_MS
        return offset


def read(records: Sequence[Record]) -> Batch:
    """Decode `records`, at least one. A record that does not pass the door is a dead letter, never an error."""
    events: list[Event] = []
    last_offsets: dict[str, int] = {}
    ticks: list[tuple[int, Event]] = []
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
        else:
            ticks.append((record.offset, event))
    return Batch(columns.frame(events), last_offsets, ticks, dead, records[-1].offset + 1)


def _read_one(record: Record) -> Event:
    if record.value is None:
        raise InvalidEvent("tombstone", "the log has no tombstones")
    event = door.check(codec.decode(record.value))
    if event.person != NOBODY and record.key != event.person.encode():
        raise InvalidEvent("key", "the record's key is not its person")
    return event
