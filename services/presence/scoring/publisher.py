"""Publishes one partition's scores in Kafka transactions.

Guarantee: a publication is seen whole or not at all. The transactional id belongs to the partition, so when
another worker takes the partition over, this one is fenced: its next publication raises.
"""

from aiokafka import AIOKafkaProducer

from presence.log.settings import Settings
from presence.scoring.dead import DeadLetter
from presence.scoring.partition import Publication

LINGER_MS = 0
"""A transaction is flushed as a whole; waiting would only add delay."""


class Publisher:
    """A transactional producer for one partition of the scores topic."""

    def __init__(self, settings: Settings, partition: int) -> None:
        self._topics = settings.topics
        self._partition = partition
        self._producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka,
            transactional_id=f"{settings.namespace}.scoring.{partition}",
            compression_type="zstd",
            linger_ms=LINGER_MS,
            **aiokafka_security(settings),
        )

    async def start(self) -> None:
        """Connect, and fence whoever published this partition before."""
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def publish(self, publication: Publication, dead: list[DeadLetter]) -> None:
        """Send all, and wait until the brokers have committed it.

        Raises aiokafka's ProducerFenced if another worker has taken over.
        """
        async with self._producer.transaction():
            for person, value in publication.scores:
                await self._producer.send(
                    self._topics.scores, key=person.encode(), value=value, partition=self._partition
                )
            for letter in dead:
                await self._producer.send(
                    self._topics.dlq,
                    key=b"scoring",
                    value=letter.value,
                    headers=[
                        ("reason", letter.reason.encode()),
                        ("position", f"{self._topics.activity}/{self._partition}/{letter.offset}".encode()),
                    ],
                )


def aiokafka_security(settings: Settings) -> dict[str, object]:
    """The security part of an aiokafka client's configuration."""
    options = settings.kafka_options()
    del options["bootstrap_servers"]
    return options
