"""Which scoring is live: the newest record of the topic `models`, so that all gateways serve the same.

Its writer is `presence model switch`, its readers are gateways whose environment names no variant.
"""

import threading

import msgspec
from kafka.errors import KafkaError

from presence.events.errors import InvariantBroken, SourceUnavailable
from presence.log.kafka import consumer, partitions_of, producer, read_to_end
from presence.log.settings import Settings

KEY = b"live"
ACK_S = 30.0
LOOK_MS = 1_000


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """`variant` is what is served since `switched_ms`, empty for the first scoring; its scores are by `model`.

    `revisions` has, by partition, the offset that its scores had counted at least when it was made live.
    """

    variant: str
    model: str
    model_hash: str
    switched_ms: int
    revisions: dict[str, int]


def newest(settings: Settings) -> Live | None:
    """What is live; None if nothing was ever switched. Raises SourceUnavailable, InvariantBroken."""
    found = None
    for record in read_to_end(settings, settings.topics.models):
        found = _decoded(record.value)
    return found


def announce(settings: Settings, live: Live) -> None:
    """Let `live` be what is served. Raises SourceUnavailable if the broker does not take it."""
    sender = producer(settings)
    try:
        sender.send(settings.topics.models, key=KEY, value=msgspec.json.encode(live)).get(timeout=ACK_S)
    except KafkaError as error:
        raise SourceUnavailable(
            f"Kafka at {settings.kafka} does not take it: {type(error).__name__}"
        ) from error
    finally:
        sender.close()


def follow(settings: Settings, stopping: threading.Event) -> str:
    """The variant that is live, as soon as it is another than that of `settings`, or at `stopping`."""
    reader = consumer(settings)
    try:
        reader.assign(partitions_of(reader, settings.topics.models))
        reader.seek_to_beginning()
        found = settings.variant
        while found == settings.variant and not stopping.is_set():
            for records in reader.poll(timeout_ms=LOOK_MS).values():
                found = _decoded(records[-1].value).variant
    finally:
        reader.close()
    return found


def _decoded(value: bytes | None) -> Live:
    try:
        return msgspec.json.decode(value or b"", type=Live)
    except msgspec.MsgspecError as error:
        raise InvariantBroken("the topic of models says nothing that can be read") from error
