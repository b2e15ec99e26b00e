"""Kafka clients as Presence uses them, built from settings. kafka-python; scoring alone uses aiokafka."""

import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import structlog
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError, TopicAlreadyExistsError

from presence.events.errors import SourceUnavailable
from presence.log import checksum
from presence.log.settings import Settings

log = structlog.get_logger("presence.log")
checksum.install()

BUFFER_LINGER_MS = 5
"""How long a record may wait for company in its batch."""
BATCH_BYTES_MAX = 131_072
DELIVERY_TIMEOUT_MS = 120_000
BOOTSTRAP_TIMEOUT_MS = 10_000
AWAIT_S = 120.0
"""How long a service waits for a broker before it ends with an error."""
POLL_MS = 200
FETCH_BYTES_MAX = 16 * 2**20


def producer(settings: Settings, **options: Any) -> KafkaProducer:
    """An idempotent producer: acknowledged by all replicas, in order, without repeats by retry.

    Raises SourceUnavailable if no broker answers.
    """
    return _connected(
        KafkaProducer,
        settings,
        {
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": "zstd",
            "linger_ms": BUFFER_LINGER_MS,
            "batch_size": BATCH_BYTES_MAX,
            "delivery_timeout_ms": DELIVERY_TIMEOUT_MS,
            "allow_auto_create_topics": False,
        }
        | options,
    )


def consumer(settings: Settings, **options: Any) -> KafkaConsumer:
    """A consumer without a group: its user assigns partitions, seeks, and keeps the offsets itself.

    Raises SourceUnavailable if no broker answers.
    """
    return _connected(
        KafkaConsumer,
        settings,
        {
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": "read_committed",
            "allow_auto_create_topics": False,
            "fetch_max_bytes": FETCH_BYTES_MAX,
            "max_poll_records": 5_000,
        }
        | options,
    )


def await_topics(settings: Settings) -> None:
    """`ensure_topics` for a service, which may be started before its broker, or while that is away.

    Raises SourceUnavailable if none answers for AWAIT_S.
    """
    deadline = time.monotonic() + AWAIT_S
    while True:
        try:
            return ensure_topics(settings)
        except SourceUnavailable:
            if time.monotonic() > deadline:
                raise
            log.warning("waiting for Kafka", kafka=settings.kafka)


def ensure_topics(settings: Settings, compacts: Mapping[str, str] = MappingProxyType({})) -> None:
    """Create the topics that are missing; one that exists is left as it is. `compacts`: more on those that are compacted.

    Raises SourceUnavailable if no broker answers.
    """
    admin = _connected(KafkaAdminClient, settings, {})
    try:
        present = set(admin.list_topics())
        missing = {
            topic.name: {
                "num_partitions": topic.partitions or settings.partitions,
                "replication_factor": settings.replication,
                "configs": dict(topic.config) | (dict(compacts) if "cleanup.policy" in topic.config else {}),
            }
            for topic in settings.topics.all()
            if topic.name not in present
        }
        if missing:
            admin.create_topics(missing, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        ensure_topics(settings, compacts)  # Another process was faster with one of them; see what is left.
    except KafkaError as error:
        raise SourceUnavailable(f"Kafka at {settings.kafka} refused the topics: {error}") from error
    finally:
        admin.close()


def partitions_of(client: KafkaConsumer, topic: str) -> list[TopicPartition]:
    """All partitions of `topic`, in order. Raises SourceUnavailable if there is no such topic."""
    numbers = client.partitions_for_topic(topic)
    if not numbers:
        raise SourceUnavailable(f"there is no topic {topic}: start the services once, they create it")
    return [TopicPartition(topic, number) for number in sorted(numbers)]


def end_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """Where each partition of `topic` ends now. Raises SourceUnavailable if no broker answers."""
    reader = consumer(settings)
    try:
        ends = reader.end_offsets(partitions_of(reader, topic))
        return {each.partition: offset for each, offset in ends.items()}
    finally:
        reader.close()


def read_to_end(
    settings: Settings, topic: str, offsets: Mapping[int, int] | None = None, **options: Any
) -> Iterator[ConsumerRecord]:
    """Every record of `topic` from `offsets` (by partition; missing: the beginning) to the end as of now.

    `options` are those of `consumer`.
    """
    reader = consumer(settings, **options)
    try:
        partitions = partitions_of(reader, topic)
        reader.assign(partitions)
        ends = reader.end_offsets(partitions)
        for partition in partitions:
            if offsets and partition.partition in offsets:
                reader.seek(partition, offsets[partition.partition])
            else:
                reader.seek_to_beginning(partition)
        while any(reader.position(partition) < ends[partition] for partition in partitions):
            for partition, records in reader.poll(timeout_ms=POLL_MS).items():
                yield from (record for record in records if record.offset < ends[partition])
    finally:
        reader.close()


def _connected(client: type[Any], settings: Settings, options: Mapping[str, Any]) -> Any:
    try:
        return client(**settings.kafka_options(), bootstrap_timeout_ms=BOOTSTRAP_TIMEOUT_MS, **options)
    except KafkaError as error:
        raise SourceUnavailable(
            f"no Kafka answers at {settings.kafka} ({type(error).__name__}): "
            "`presence up` or `presence broker start` starts one, PRESENCE_KAFKA names another"
        ) from error
