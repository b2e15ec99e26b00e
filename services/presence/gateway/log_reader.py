"""What the gateway looks up in the log itself: the acts behind a change, and scores that were replaced within the last day.

It is read aside, by one call after the other, each for SEARCH_S at most. Nothing of it is kept.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Self

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord

from presence.events.vocabulary import PersonId
from presence.gateway.aside import Aside
from presence.gateway.rows import Row
from presence.log.kafka import consumer
from presence.log.revision import Revision, decode
from presence.log.settings import Settings
from presence.v1.score_pb2 import Score

SEARCH_S = 1.0
"""How long a call may read: one that is not done says where to go on."""
POLL_MS = 200
POLL_RECORDS_MAX = 2_000
ANSWER_BYTES_MAX = 2 * 2**20
"""Of the records that a call finds, within what a client takes in one message."""


class Stretch(NamedTuple):
    """A part of one partition of the activity log: `first` <= offset <= `last`."""

    partition: int
    first: int
    last: int


class Record(NamedTuple):
    """A record of the activity log, as it is there."""

    offset: int
    value: bytes


class Searched(NamedTuple):
    """What was found, and the rest of the stretch, None at its end."""

    records: list[Record]
    rest: Stretch | None


class LogReader:
    """Reads the log for calls of this process. Use it as a context manager."""

    def __init__(self, settings: Settings, aside: Aside) -> None:
        """Opens nothing: the broker is asked when the first call needs it."""
        self._settings = settings
        self._aside = aside
        self._consumer: KafkaConsumer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._consumer is not None:
            self._consumer.close()

    async def acts(self, person: PersonId, stretch: Stretch, *, records_max: int) -> Searched:
        """The records of `person` in a stretch of the activity log, in its order. Raises Refused if it cannot be read."""
        return await self._aside.run(lambda: self._acts(person, stretch, records_max))

    async def score_at(self, person: PersonId, revision: Revision, now: Row) -> bytes | None:
        """The serialised score of that revision, which is older than `now`; None if the topic has it no more."""
        return await self._aside.run(lambda: self._score_at(person, revision, now))

    def _acts(self, person: PersonId, stretch: Stretch, records_max: int) -> Searched:
        key, found, room = person.encode(), [], ANSWER_BYTES_MAX
        place = TopicPartition(self._settings.topics.activity, stretch.partition)
        with self._reading(place, stretch.first) as records:
            for record in records:
                if record is None or record.offset > stretch.last:
                    break
                if record.key == key and record.value:
                    found.append(Record(record.offset, record.value))
                    room -= len(record.value)
                    if len(found) == records_max or room <= 0:
                        rest = stretch._replace(first=record.offset + 1)
                        return Searched(found, rest if rest.first <= rest.last else None)
            reached = self._position(place)
        return Searched(found, stretch._replace(first=reached) if reached <= stretch.last else None)

    def _score_at(self, person: PersonId, revision: Revision, now: Row) -> bytes | None:
        key = person.encode()
        activity = TopicPartition(self._settings.topics.activity, revision.partition)
        with self._reading(activity, revision.offset) as records:
            counted = next(records, None)
        if counted is None:
            return None
        # It was published after that event was written, so that the search can begin there.
        scores = TopicPartition(self._settings.topics.scores, now.partition)
        found = self._opened().offsets_for_times({scores: counted.timestamp})[scores]
        if found is None:
            return None
        with self._reading(scores, found.offset) as records:
            for record in records:
                if record is None or record.offset > now.offset:
                    return None
                if record.key == key and record.value:
                    at = decode(Score.FromString(record.value).revision)
                    if not at.is_before(revision):
                        return record.value if at == revision else None
        return None

    @contextmanager
    def _reading(self, place: TopicPartition, offset: int) -> Iterator[Iterator[ConsumerRecord | None]]:
        """Records from `offset` on; None, and no more, when SEARCH_S are over or there is nothing further."""
        reader = self._opened()
        reader.assign([place])
        reader.seek(place, offset)
        end = reader.end_offsets([place])[place]
        deadline = time.monotonic() + SEARCH_S

        def read() -> Iterator[ConsumerRecord | None]:
            while (
                reader.position(place) < end
                and time.monotonic() < deadline
                and not self._aside.closing.is_set()
            ):
                for fetched in reader.poll(timeout_ms=POLL_MS, max_records=POLL_RECORDS_MAX).values():
                    yield from fetched
            yield None

        try:
            yield read()
        finally:
            reader.assign([])

    def _position(self, place: TopicPartition) -> int:
        position: int = self._opened().position(place)
        return position

    def _opened(self) -> KafkaConsumer:
        if self._consumer is None:
            self._consumer = consumer(self._settings, max_partition_fetch_bytes=4 * 2**20)
        return self._consumer
