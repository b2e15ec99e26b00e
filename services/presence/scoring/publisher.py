"""Publishes one partition's scores in Kafka transactions.

Guarantee: a publication is seen whole or not at all. The transactional id belongs to the partition, so when
another worker takes the partition over, this one is fenced: its next publication raises.
"""

from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from presence.batch.letters import Letter, Topic
from presence.log import owners
from presence.log.clock import now_ms
from presence.log.owners import Owner
from presence.log.settings import Settings
from presence.log.topics import OBSERVED_HEADER
from presence.scoring.partition import Publication

LINGER_MS = 0
"""A transaction is flushed as a whole; waiting would only add delay."""

TRANSACTION_TIMEOUT_MS = 15_000
"""After this the broker aborts what a vanished worker left open: until then readers see nothing newer."""
BATCH_BYTES_MAX = 2**19
"""Of one batch; below what a broker takes in one request."""

_Record = tuple[bytes, bytes | None, list[tuple[str, bytes]], int | None]


class Publisher:
    """A transactional producer for one partition of the scores topic."""

    def __init__(self, settings: Settings, partition: int) -> None:
        self._topics = settings.topics
        self._names = {
            Topic.DLQ: settings.topics.dlq,
            Topic.HISTORY: settings.topics.history,
            Topic.REASONS: settings.topics.reasons,
        }
        self._partition = partition
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka,
            transactional_id=f"{settings.namespace}.scoring{settings.suffix}.{partition}",
            compression_type="zstd",
            linger_ms=LINGER_MS,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES_MAX,
            **aiokafka_security(settings),
        )

    async def start(self) -> None:
        """Connect, and fence whoever published this partition before."""
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def publish(self, publication: Publication, observed_ms: int | None = None) -> None:
        """Send all, and wait until the brokers have committed it.

        `observed_ms`: when the oldest record behind it was written, for those who measure how late a score is.

        Raises aiokafka's ProducerFenced if another worker has taken over.
        """
        async with self._producer.transaction():
            observed = [] if observed_ms is None else [(OBSERVED_HEADER, str(observed_ms).encode())]
            scores: Iterable[_Record] = (
                (person.encode(), value, [] if number else observed, None)
                for number, (person, value) in enumerate(publication.scores)
            )
            await self._send(self._topics.scores, self._partition, scores)
            own = self._partition
            for topic, partition in ((Topic.DLQ, 0), (Topic.HISTORY, own), (Topic.REASONS, own)):
                letters = [self._record(letter) for letter in publication.letters if letter.topic == topic]
                await self._send(self._names[topic], partition, letters)

    async def announce(self, owner: Owner) -> None:
        """Say where this partition's queries are answered from now on. Raises as `publish`."""
        async with self._producer.transaction():
            record: _Record = owners.key(self._partition), owners.encode(owner), [], None
            await self._send(self._topics.owners, 0, [record])

    async def _send(self, topic: str, partition: int, records: Iterable[_Record]) -> None:
        """Send records in batches that the producer is handed whole: one by one costs five times as much."""
        batch, held = self._producer.create_batch(), 0
        for key, value, headers, time_ms in records:
            while not batch.append(key=key, value=value, timestamp=time_ms, headers=headers):
                await self._producer.send_batch(batch, topic, partition=partition)
                batch, held = self._producer.create_batch(), 0
            held += 1
        if held:
            await self._producer.send_batch(batch, topic, partition=partition)

    def _record(self, letter: Letter) -> _Record:
        if letter.topic == Topic.HISTORY:
            # A broker takes no record from more than an hour ahead, and a clock that is wrong must not stop a partition.
            return letter.key, letter.value or None, [], min(letter.time_ms, now_ms()) or None
        if letter.topic == Topic.REASONS:
            return letter.key, letter.value or None, [], None
        position = f"{self._topics.activity}/{self._partition}/{letter.offset}"
        headers = [("reason", letter.reason.encode()), ("position", position.encode())]
        return letter.key, letter.value, headers, None


def aiokafka_security(settings: Settings) -> dict[str, object]:
    """The security part of an aiokafka client's configuration."""
    options = settings.kafka_options()
    del options["bootstrap_servers"]
    return options
