"""Follows the log, and when a day has ended writes to it what everybody's company is worth.

A snapshot is of one cut: the acts before a day's tick in each partition, and the closing scores of that day. Both are the same for
whoever computes them, and so is each record, to the byte: the job may run twice, or in two places, and be killed at any moment.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from google.protobuf.message import DecodeError
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError

from presence.associates.book import TAKEN_BACK, Book, Closing, Reader
from presence.associates.ties import NOBODY, Company, Tie, company, own_score
from presence.events.door import check
from presence.events.errors import InvalidEvent, InvariantBroken, SourceUnavailable
from presence.events.vocabulary import Event, EventId, Kind, PersonId
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import consumer, partitions_of, producer
from presence.log.settings import Settings
from presence.log.topics import DAY_MS
from presence.v1.score_pb2 import Score

POLL_MS = 500
RECENT_MS = 2 * DAY_MS
"""A cut that is older is passed over: what it would say is out of date, and whoever follows the log from its beginning meets
every day's."""
CLOSINGS_WAIT_S = 120.0
"""How long scoring may take to close a day for everybody who counts; then the next look tries again."""
ACK_S = 60
BATCH_RECORDS = 5_000

log = structlog.get_logger("presence.associates")


@dataclass(frozen=True, slots=True)
class Written:
    """A snapshot: of which tick, how many people have company or have lost it, and how many records that took."""

    tick_ms: int
    people: int
    records: int

    def as_dict(self) -> dict[str, Any]:
        return {"tick_ms": self.tick_ms, "people": self.people, "records": self.records}


class Job:
    """One process. It keeps its place in the book; `stopped` is asked between any two steps."""

    def __init__(self, settings: Settings, book: Book, stopped: Callable[[], bool]) -> None:
        """Raises SourceUnavailable if no broker answers."""
        self._settings = settings
        self._book = book
        self._stopped = stopped
        self._log = _Reader(settings, settings.topics.activity, book)
        self._history = _Reader(settings, settings.topics.history, book)

    def close(self) -> None:
        self._log.close()
        self._history.close()

    def step(self) -> Written | None:
        """Follow the log to its end as of now, and write each snapshot that is met; the newest of them.

        Raises SourceUnavailable if the broker, or scoring, is away for too long.
        """
        written = None
        ends = self._log.ends()
        while not self._stopped():
            if tick_ms := self._cut():
                written = self._snapshot(tick_ms) or written
            if not self._advance(ends):
                break
        return written

    def _advance(self, ends: dict[int, int]) -> bool:
        """Read on in one partition; False once all stand at the end, or wait at a tick for those that are behind."""
        ticks = {number: self._book.ticks().get(number, 0) for number in ends}
        reached_ms = max(min(ticks.values()), self._book.written_ms())
        behind = (number for number, tick_ms in ticks.items() if tick_ms <= reached_ms)
        return any(self._log.position(each) < ends[each] and self._read(each, ends[each]) for each in behind)

    def _read(self, number: int, end: int) -> bool:
        """One batch of a partition, which ends with a tick if there is one; True if there was any record."""
        records = self._log.read(number, end)
        events: list[Event] = []
        position = self._log.position(number)
        tick_ms = self._book.ticks().get(number, 0)
        for record in records:
            position = record.offset + 1
            event = _event(record)
            if event is None:
                continue
            events.append(event)
            if event.kind == Kind.CLOCK and event.observed_ms > tick_ms:
                break
        self._book.apply(self._log.topic, number, events, next_offset=position)
        self._log.seek(number, position)
        return bool(records)

    def _cut(self) -> int | None:
        """The tick at which all partitions stand, if its snapshot is to be written."""
        ticks = self._book.ticks()
        if len(ticks) < len(self._log.partitions) or len(set(ticks.values())) != 1:
            return None
        (tick_ms,) = set(ticks.values())
        if tick_ms <= self._book.written_ms():
            return None
        if tick_ms < now_ms() - RECENT_MS:
            self._book.wrote(tick_ms)
            return None
        return tick_ms

    def _snapshot(self, tick_ms: int) -> Written | None:
        """Write what the cut at `tick_ms` says; None if it was told to stop before it had all closing scores."""
        if not self._closed(tick_ms // DAY_MS - 1):
            return None
        people = records = 0
        sender = producer(self._settings)
        try:
            acks = []
            with self._book.reading() as reader:
                for person, found in companies(reader, tick_ms // DAY_MS - 1):
                    people += 1
                    if found != reader.snapshot(person):
                        event = record_of(person, found, tick_ms)
                        value = codec.encode(event)
                        acks.append(
                            sender.send(self._settings.topics.activity, key=person.encode(), value=value)
                        )
                        records += 1
                    if len(acks) >= BATCH_RECORDS:
                        _await(acks)
            _await(acks)
        except KafkaError as error:
            raise SourceUnavailable(f"the broker takes no records ({type(error).__name__})") from error
        finally:
            sender.close()
        self._book.wrote(tick_ms)
        written = Written(tick_ms, people, records)
        log.info("company written", **written.as_dict())
        return written

    def _closed(self, day: int) -> bool:
        """Wait until the closing score of `day` is known of everybody who counts; False if told to stop.

        Raises SourceUnavailable if scoring does not close the day in time.
        """
        deadline = time.monotonic() + CLOSINGS_WAIT_S
        missing: set[PersonId] | None = None
        while not self._stopped():
            self._follow_history()
            with self._book.reading() as reader:
                if missing is None:
                    missing = {other for person in reader.people() for other in reader.weights(person)}
                missing = {person for person in missing if reader.score(person, day) is None}
            if not missing:
                return True
            if time.monotonic() > deadline:
                raise SourceUnavailable(
                    f"{len(missing)} closing scores of a day are missing: is scoring running?"
                )
            time.sleep(POLL_MS / 1000)
        return False

    def _follow_history(self) -> None:
        for number, end in self._history.ends().items():
            while self._history.position(number) < end:
                records = self._history.read(number, end)
                position = records[-1].offset + 1 if records else self._history.position(number)
                closings = (_closing(record) for record in records)
                self._book.close_days(self._history.topic, number, closings, next_offset=position)
                self._history.seek(number, position)
                if not records:
                    break


class _Reader:
    """One topic, one partition at a time, from where the book stands."""

    def __init__(self, settings: Settings, topic: str, book: Book) -> None:
        self.topic = topic
        self._consumer: KafkaConsumer = consumer(settings)
        self.partitions = partitions_of(self._consumer, topic)
        known = book.offsets(topic)
        firsts = self._consumer.beginning_offsets(self.partitions)
        self._positions = {
            each.partition: max(known.get(each.partition, 0), firsts[each]) for each in self.partitions
        }
        self._current: TopicPartition | None = None

    def ends(self) -> dict[int, int]:
        """By partition, where it ends as of now."""
        return {each.partition: end for each, end in self._consumer.end_offsets(self.partitions).items()}

    def position(self, number: int) -> int:
        return int(self._positions[number])

    def seek(self, number: int, position: int) -> None:
        self._positions[number] = position

    def read(self, number: int, end: int) -> list[ConsumerRecord]:
        """What comes next of a partition, up to `end`; none where only markers of transactions are left."""
        partition = TopicPartition(self.topic, number)
        if partition != self._current:
            self._consumer.assign([partition])
            self._current = partition
            self._consumer.seek(partition, self._positions[number])
        elif self._consumer.position(partition) != self._positions[number]:
            self._consumer.seek(partition, self._positions[number])
        while True:
            found = self._consumer.poll(timeout_ms=POLL_MS).get(partition, ())
            records = [record for record in found if record.offset < end]
            at = self._consumer.position(partition)
            if records:
                return records
            if at >= end:
                self._positions[number] = at
                return []

    def close(self) -> None:
        self._consumer.close()


def record_of(person: PersonId, found: Company, tick_ms: int) -> Event:
    """The record of somebody's company at a tick: of the same cut, the same to the byte.

    Its id is the first 8 bytes of SHA-256(`associates:` person `:` tick); it hides nothing, so that no key is needed.
    """
    digest = hashlib.sha256(f"associates:{person}:{tick_ms}".encode()).digest()
    return check(
        Event(
            kind=Kind.ASSOCIATES,
            id=EventId(int.from_bytes(digest[:8], "big")),
            person=person,
            observed_ms=tick_ms,
            mean=found.mean,
            number=found.number,
            associates=found.named,
        )
    )


def companies(reader: Reader, day: int) -> Iterator[tuple[PersonId, Company]]:
    """The company of everybody who has any, or had."""
    for person in reader.people():
        found = company(
            Tie(other, weight, score)
            for other, weight in reader.weights(person).items()
            if (score := reader.score(other, day)) is not None and score != TAKEN_BACK
        )
        if found != NOBODY or reader.snapshot(person) is not None:
            yield person, found


def _event(record: ConsumerRecord) -> Event | None:
    """The event of a record; None for one that scoring refuses, too."""
    try:
        return check(codec.decode(record.value or b""))
    except InvalidEvent:
        return None


def _closing(record: ConsumerRecord) -> Closing:
    """What a record of the topic of history says. Raises InvariantBroken: only scoring writes there."""
    person, _, date = (record.key or b"").decode(errors="replace").partition("/")
    day = _day(date)
    if not record.value:
        return Closing(PersonId(person), day, TAKEN_BACK)
    try:
        score = Score.FromString(record.value)
    except DecodeError as error:
        raise InvariantBroken(
            f"a closing that is no Score: {record.topic}, offset {record.offset}"
        ) from error
    entries = ((row.entry, row.millipoints) for row in score.waterfall)
    return Closing(PersonId(person), day, own_score(entries, score.conduct_factor_micro))


def _day(date: str) -> int:
    try:
        return int(datetime.fromisoformat(date).replace(tzinfo=UTC).timestamp() * 1000) // DAY_MS
    except ValueError as error:
        raise InvariantBroken("a closing of no day") from error


def _await(acks: list[Any]) -> None:
    for ack in acks:
        ack.get(timeout=ACK_S)
    acks.clear()
