"""The producer of a service that writes more than anything else does: librdkafka, idempotent, acknowledged by all replicas.

A record costs our process a third of what it costs with kafka-python's producer, which is Python (docs/performance.md), and
compression and the network go on beside it. Not for transactions, and not for what writes a record now and then.
"""

import logging
import time

from confluent_kafka import KafkaError, Message, Producer

from presence.events.errors import SourceUnavailable
from presence.log.kafka import BATCH_BYTES_MAX, BUFFER_LINGER_MS, DELIVERY_TIMEOUT_MS
from presence.log.settings import Settings

BUFFERED_KBYTES_MAX = 131_072
"""Far above what its user lets be under way; what is beyond waits in `send`."""
ROOM_TIMEOUT_S = 60.0
ROOM_POLL_S = 0.05

Headers = list[tuple[str, str | bytes | None]]


class Sent:
    """One record: `is_done` when the broker has acknowledged it, at `offset`, or has not taken it, with `failure` in a word."""

    __slots__ = ("failure", "is_done", "offset", "partition", "topic")

    def __init__(self) -> None:
        self.is_done = False
        self.failure = ""
        self.topic, self.partition, self.offset = "", -1, -1

    def settle(self, error: KafkaError | None, message: Message) -> None:
        """Called by the producer, in the thread that polls."""
        if error is not None:
            self.failure = error.name()
        else:
            topic, partition, offset = message.topic(), message.partition(), message.offset()
            assert topic is not None, "what was acknowledged stands somewhere"
            assert partition is not None, "what was acknowledged stands somewhere"
            assert offset is not None, "what was acknowledged stands somewhere"
            self.topic, self.partition, self.offset = topic, partition, offset
        self.is_done = True


class Sender:
    """Sends in order per partition, and without repeats by retry. One thread."""

    def __init__(self, settings: Settings) -> None:
        """Connects by itself, later: whether a broker answers is seen by whether records are acknowledged."""
        options = settings.librdkafka_options() | {
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "zstd",
            "linger.ms": BUFFER_LINGER_MS,
            "batch.size": BATCH_BYTES_MAX,
            "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
            "queue.buffering.max.messages": 0,  # Bytes bound it.
            "queue.buffering.max.kbytes": BUFFERED_KBYTES_MAX,
            "partitioner": "murmur2_random",
            "allow.auto.create.topics": False,
        }
        # Its own lines would go to stderr; as children of kafka-python's logger they are as quiet as that is set.
        self._producer = Producer(options, logger=logging.getLogger("kafka.librdkafka"))

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        sent: Sent,
        *,
        partition: int | None = None,
        headers: "Headers | None" = None,
    ) -> None:
        """Hand over one record; `sent` is settled by a later `poll`, `flush` or `close`.

        Waits while BUFFERED_KBYTES_MAX are under way. Raises SourceUnavailable after ROOM_TIMEOUT_S without room.
        """
        at = -1 if partition is None else partition
        deadline_s = 0.0
        while True:
            try:
                self._producer.produce(topic, value, key, at, sent.settle, headers=headers)
            except BufferError as error:
                deadline_s = deadline_s or time.monotonic() + ROOM_TIMEOUT_S
                if time.monotonic() > deadline_s:
                    raise SourceUnavailable("the broker takes no records: is it running?") from error
                self._producer.poll(ROOM_POLL_S)
            else:
                return

    def poll(self, timeout_s: float = 0) -> None:
        """Settle what has been acknowledged or refused meanwhile; wait up to `timeout_s` for the first."""
        self._producer.poll(timeout_s)

    def flush(self, timeout_s: float) -> bool:
        """Settle everything; False if `timeout_s` was not enough."""
        return int(self._producer.flush(timeout_s)) == 0

    def close(self, timeout_s: float) -> None:
        """Give up, after `timeout_s`, what is still under way."""
        if not self.flush(timeout_s):
            self._producer.purge()
            self._producer.flush(timeout_s)
