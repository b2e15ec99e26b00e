"""Records on their way into the log: sent, bounded, and acknowledged in order."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

from kafka import KafkaProducer
from kafka.errors import KafkaError
from kafka.partitioner.default import murmur2

from presence.events.door import check
from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import Event, Kind, Network
from presence.ingest.cursor import Offsets
from presence.ingest.frames import Frame
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.topics import Topics

IN_FLIGHT_MAX = 20_000
"""Records sent and not yet acknowledged; then reading stops. A second of the broker's best."""
IN_FLIGHT_BYTES_MAX = 32 * 2**20
PLACED_PEOPLE_MAX = 131_072
CLOSE_TIMEOUT_S = 1
ROOM_POLL_S = 0.005


@lru_cache(maxsize=PLACED_PEOPLE_MAX)
def default_partition(key: bytes, partitions: int) -> int:
    """Where Kafka's default partitioner puts `key`; remembered, since its hash in Python costs a fifth of a send.

    Source: `toPositive(murmur2(key)) % partitions` of org.apache.kafka.clients.producer.internals.BuiltInPartitioner.
    """
    return int((murmur2(key) & 0x7FFF_FFFF) % partitions)


class _Entry(NamedTuple):
    """A record under way, the end of a frame at `position` after its records, or a watermark that waits for them."""

    position: int | None
    future: Any
    size_bytes: int
    complete_ms: int | None = None


class Delivery:
    """Sends to the activity and dead letter topics. One thread.

    The acknowledged position grows only when every record of the frames up to it is in the log; a record that the
    broker does not take within its bounded retries stops everything.
    """

    def __init__(self, producer: KafkaProducer, topics: Topics, network: Network, ends: Offsets) -> None:
        """`ends`: where the log ended before the first record."""
        self._producer = producer
        self._topics = topics
        self._network = network
        self._source = network.encode()
        self._in_flight: deque[_Entry] = deque()
        self._in_flight_bytes = 0
        self._ends = ends
        self._activity_partitions = len(ends[topics.activity])
        self._moved_s = time.monotonic()
        self.position: int | None = None
        """The newest position up to which everything is acknowledged; None: none yet."""

    @property
    def in_flight(self) -> int:
        """What was sent and is not yet acknowledged."""
        return len(self._in_flight)

    def event(self, event: Event) -> None:
        """Send one event. Raises SourceUnavailable."""
        key = event.person.encode()
        partition = default_partition(key, self._activity_partitions)
        self._send(self._topics.activity, key, codec.encode(event), partition=partition)

    def dead_letter(self, frame: Frame, value: bytes, reason: str) -> None:
        """Send why `frame` could not be used, and `value` of it. Raises SourceUnavailable."""
        told = {"reason": reason, "position": str(frame.position), "size_bytes": str(frame.size_bytes)}
        headers = [(name, text.encode()) for name, text in told.items()]
        self._send(self._topics.dlq, self._source, value, headers=headers)

    def passed(self, position: int) -> None:
        """All records of the frame at `position` have been sent."""
        if self._in_flight:
            self._in_flight.append(_Entry(position, None, 0))
        else:
            self._acknowledge(position)

    def complete(self, complete_ms: int) -> None:
        """Everything of the network up to `complete_ms` has been sent: tell each partition once it is acknowledged."""
        self._in_flight.append(_Entry(None, None, 0, complete_ms))

    def collect(self) -> None:
        """Take in the acknowledgements that are there. Raises SourceUnavailable if the broker refused a record."""
        if not self._in_flight:
            self._moved_s = time.monotonic()
        while self._in_flight:
            position, future, size_bytes, complete_ms = self._in_flight[0]
            if future is not None:
                if not future.is_done:
                    return
                if future.failed():
                    raise SourceUnavailable(
                        f"the broker did not take a record: {type(future.exception).__name__}"
                    )
                self._settle(future.value)
            self._in_flight.popleft()
            self._in_flight_bytes -= size_bytes
            self._moved_s = time.monotonic()
            if position is not None:
                self._acknowledge(position)
            if complete_ms is not None:
                self._mark(complete_ms)

    def stalled_s(self) -> float:
        """Since when the broker acknowledges nothing of what is under way; 0 if nothing is."""
        return time.monotonic() - self._moved_s if self._in_flight else 0.0

    def wait_for_room(self, stopped: Callable[[], bool]) -> None:
        """Return when there is room for more under the two limits, or `stopped`. Raises SourceUnavailable."""
        self.collect()
        while self._is_full() and not stopped():
            time.sleep(ROOM_POLL_S)
            self.collect()

    def flush(self, timeout_s: float) -> bool:
        """Wait for all acknowledgements; False if `timeout_s` was not enough. Raises SourceUnavailable."""
        try:
            self._producer.flush(timeout=timeout_s)
        except KafkaError:
            return False
        self.collect()
        return not self._in_flight

    def offsets(self) -> Offsets:
        """The log's end as far as acknowledged: a copy."""
        return {topic: dict(partitions) for topic, partitions in self._ends.items()}

    def close(self) -> None:
        """Give up what is still under way, after a second."""
        try:
            self._producer.close(timeout=CLOSE_TIMEOUT_S)
        except KafkaError:
            # kafka-python flushes before it would end its sender by force, so a broker that is away keeps it open.
            self._producer._sender.force_close()  # noqa: SLF001
            with suppress(KafkaError):
                self._producer.close(timeout=CLOSE_TIMEOUT_S)

    def _mark(self, complete_ms: int) -> None:
        event = Event(
            kind=Kind.WATERMARK, network=self._network, complete_ms=complete_ms, observed_ms=now_ms()
        )
        value = codec.encode(check(event))
        for partition in self._ends[self._topics.activity]:
            self._send(self._topics.activity, None, value, partition=partition)

    def _send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        *,
        partition: int | None = None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> None:
        try:
            future = self._producer.send(topic, key=key, value=value, headers=headers, partition=partition)
        except KafkaError as error:
            raise SourceUnavailable(
                f"the broker takes no records ({type(error).__name__}): is it running?"
            ) from error
        self._in_flight.append(_Entry(None, future, len(value)))
        self._in_flight_bytes += len(value)

    def _is_full(self) -> bool:
        return len(self._in_flight) >= IN_FLIGHT_MAX or self._in_flight_bytes >= IN_FLIGHT_BYTES_MAX

    def _settle(self, written: Any) -> None:
        ends = self._ends[written.topic]
        ends[written.partition] = max(ends.get(written.partition, 0), written.offset + 1)

    def _acknowledge(self, position: int) -> None:
        self.position = position if self.position is None else max(self.position, position)
