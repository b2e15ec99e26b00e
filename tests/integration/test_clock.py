"""The clock service on real Kafka: one tick of the last midnight in every partition, however often it is started."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

from presence.clock.service import last_midnight
from presence.events.vocabulary import Kind
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import ensure_topics, read_to_end
from presence.log.settings import Settings

WAIT_S = 60


def ticks(settings: Settings) -> Counter[tuple[int, int]]:
    """How often each tick stands in each partition."""
    records = read_to_end(settings, settings.topics.activity)
    events = [(record.partition, codec.decode(record.value)) for record in records]
    assert {event.kind for _, event in events} <= {Kind.CLOCK}
    return Counter((partition, event.observed_ms) for partition, event in events)


def test_every_start_writes_the_last_midnight_once_into_each_partition(
    kafka: str, namespace: str, tmp_path: Path, spawn: Callable[..., "Popen[bytes]"]
) -> None:
    settings = Settings(kafka=kafka, namespace=namespace, data=tmp_path)
    ensure_topics(settings)
    before = last_midnight(now_ms())
    for start in (1, 2):
        clock = spawn("presence.clock", settings)
        deadline = time.monotonic() + WAIT_S
        while ticks(settings).total() < start * settings.partitions and time.monotonic() < deadline:
            time.sleep(0.2)
        clock.send_signal(signal.SIGTERM)
        assert clock.wait(WAIT_S) == 0
    found = ticks(settings)
    assert {midnight for _, midnight in found} <= {before, last_midnight(now_ms())}
    by_partition = Counter(partition for partition, _ in found.elements())
    assert by_partition == dict.fromkeys(range(settings.partitions), 2)
