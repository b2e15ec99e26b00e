"""From fetched records to what the fold takes: a frame of events, and what could not be read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from presence.batch import decode
from presence.batch.letters import Letter, Topic
from presence.events.vocabulary import NOBODY, Kind
from presence.log.topics import DAY_MS
from presence.model import frames

_WITH_REF = (int(Kind.UNDO), int(Kind.FLAG))
_TOLD = (int(Kind.FLAG), int(Kind.ASSOCIATES))
_DROPPING = (int(Kind.UNLINKED), int(Kind.ERASED))


class Record(Protocol):
    """What a Kafka client hands over."""

    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True)
class Batch:
    """Some records of one partition, in log order. `events` has the columns of the log and `offset`."""

    events: pl.DataFrame
    dead: list[Letter]
    next_offset: int
    told: Mapping[int, bytes] = field(default_factory=dict)
    """The records, by offset, that say why a score is what it is: findings and company."""
    ends_day: bool = False
    """Whether the last record is a tick that ends a day; no other one is."""

    def days(self, clock_ms: int) -> Iterator["Batch"]:
        """The same records cut after each tick that ends a day; `clock_ms` is the clock before them."""
        begin, events = 0, self.events
        offsets = events.get_column("offset").to_numpy()
        for at, observed_ms in self._clocks():
            if observed_ms // DAY_MS > clock_ms // DAY_MS:
                rows = frames.kept(events, (begin <= offsets) & (offsets <= at))
                dead = [letter for letter in self.dead if begin <= letter.offset <= at]
                yield Batch(rows, dead, at + 1, self.told, ends_day=True)
                begin = at + 1
            clock_ms = max(clock_ms, observed_ms)
        if begin == 0:
            yield self
        elif begin < self.next_offset:
            dead = [letter for letter in self.dead if letter.offset >= begin]
            yield Batch(frames.kept(events, offsets >= begin), dead, self.next_offset, self.told)

    def _clocks(self) -> list[tuple[int, int]]:
        kind, *columns = (self.ticks.get_column(name).to_list() for name in ("kind", "offset", "observed_ms"))
        return [(at, ms) for each, at, ms in zip(kind, *columns, strict=True) if each == Kind.CLOCK]

    @cached_property
    def named(self) -> pl.DataFrame:
        """The events that are about somebody."""
        return frames.kept(self.events, ~self._nobodys)

    @cached_property
    def ticks(self) -> pl.DataFrame:
        """The events that are about everybody: CLOCK and WATERMARK."""
        return frames.kept(self.events, self._nobodys)

    @cached_property
    def _nobodys(self) -> NDArray[np.bool_]:
        return (self.events.get_column("person") == NOBODY).to_numpy()

    @cached_property
    def people(self) -> pl.Series:
        """Whom the events are about, sorted."""
        return frames.distinct(self.named.get_column("person"))

    @cached_property
    def owner(self) -> NDArray[np.intp]:
        """Of each named event, the position of its person in `people`."""
        return frames.codes(self.named.get_column("person"), pl.Enum(self.people)).astype(np.intp)

    @cached_property
    def last_offsets(self) -> NDArray[np.int64]:
        """Of each of `people`, the offset of the newest record."""
        last = np.zeros(len(self.people), dtype=np.int64)
        last[self.owner] = self.named.get_column(
            "offset"
        ).to_numpy()  # Of equal positions the last one stays.
        return last

    @cached_property
    def ids(self) -> tuple[NDArray[np.intp], NDArray[Any]]:
        """Whose, and which ids the fold may ask the ledger for."""
        kind = self.named.get_column("kind").to_numpy()
        refs = np.flatnonzero(np.isin(kind, _WITH_REF))
        ids, ref_ids = (self.named.get_column(name).to_numpy() for name in ("id", "ref_id"))
        return np.concatenate([self.owner, self.owner[refs]]), np.concatenate([ids, ref_ids[refs]])

    @cached_property
    def whole(self) -> NDArray[np.bool_]:
        """Whose ledger is needed in whole, by position in `people`: of it much may be dropped."""
        found = np.zeros(len(self.people), dtype=np.bool_)
        found[self.owner[np.isin(self.named.get_column("kind").to_numpy(), _DROPPING)]] = True
        return found

    @cached_property
    def erased_offset(self) -> int | None:
        """Of the last erasure; None without one."""
        return self.named.filter(pl.col("kind") == int(Kind.ERASED)).get_column("offset").max()  # type: ignore[return-value]  # a number

    def new_day_offset(self, clock_ms: int, watermarks: Mapping[str, int]) -> int | None:
        """Of the last record that moves the clock, or a network's watermark to another day; None if none does.

        Only such a record changes the scores of people whom it does not name. `clock_ms` and `watermarks` are
        those before the batch.
        """
        offset, days = None, {network: ms // DAY_MS for network, ms in watermarks.items()}
        names = ("offset", "kind", "network", "observed_ms", "complete_ms")
        ticks = zip(*(self.ticks.get_column(name).to_list() for name in names), strict=True)
        for at, kind, network, observed_ms, complete_ms in ticks:
            if kind == Kind.CLOCK and observed_ms > clock_ms:
                offset, clock_ms = at, observed_ms
            elif kind == Kind.WATERMARK and complete_ms // DAY_MS > days.get(network, -1):
                offset, days[network] = at, complete_ms // DAY_MS
        return offset


def read(records: Sequence[Record]) -> Batch:
    """Decode `records`, at least one. A record that does not pass the door is a dead letter, never an error."""
    values = [record.value for record in records]
    events, refused = decode.read([record.key for record in records], values)
    offsets = np.array([record.offset for record in records], dtype=np.int64)
    dead = [
        Letter(Topic.DLQ, b"scoring", b"", reason, records[row].offset)
        for row, reason in sorted(refused.items())
    ]
    *columns, row = events.get_columns()
    told = {
        records[at].offset: values[at] or b""
        for at in row.to_numpy()[np.isin(events.get_column("kind").to_numpy(), _TOLD)].tolist()
    }
    events = pl.DataFrame([*columns, pl.Series("offset", offsets[row.to_numpy()])])
    return Batch(events, dead, records[-1].offset + 1, told)
