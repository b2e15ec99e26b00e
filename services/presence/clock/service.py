"""Writes the day's tick into every partition. It keeps no state and may run in several places at once.

At its start it writes the tick of the last midnight, in UTC, and from then on one after each midnight. The same tick
twice changes nothing, since the fold takes the greatest; a day on which it did not run has no closing score.
"""

from threading import Event as Flag

import structlog
from kafka.errors import KafkaError

from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import Event, Kind
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import producer
from presence.log.metrics import CLOCK_TICK
from presence.log.settings import Settings
from presence.log.topics import DAY_MS

GRACE_MS = 5_000
"""After midnight, so that what was seen before it has reached the log."""
LOOK_S = 30.0
"""How often the wall clock is looked at: it may be set, and the machine may sleep."""
ACK_S = 30.0
NOBODY = b"-"
"""A tombstone under this key each day: Kafka compacts only what another record follows, and so however quiet the roster
is, the key of somebody who was erased is off the disk a day later."""

log = structlog.get_logger("presence.clock")


def last_midnight(time_ms: int) -> int:
    """The last midnight in UTC at or before `time_ms`, in ms."""
    return time_ms - time_ms % DAY_MS


def run(settings: Settings, stopping: Flag) -> None:
    """Tick until `stopping` is set. Raises SourceUnavailable if no broker answers or takes the ticks."""
    sender = producer(settings)
    ticked_ms = 0
    try:
        while not stopping.is_set():
            midnight_ms = last_midnight(now_ms() - (GRACE_MS if ticked_ms else 0))
            if midnight_ms > ticked_ms:
                partitions = sorted(sender.partitions_for(settings.topics.activity))
                value = codec.encode(Event(kind=Kind.CLOCK, observed_ms=midnight_ms))
                acks = [
                    sender.send(settings.topics.activity, value=value, partition=each) for each in partitions
                ]
                acks.append(sender.send(settings.topics.roster, key=NOBODY, value=None))
                for ack in acks:
                    ack.get(timeout=ACK_S)
                ticked_ms = midnight_ms
                CLOCK_TICK.set(midnight_ms / 1000)
                log.info("day ended", midnight_ms=midnight_ms, partitions=len(partitions))
            stopping.wait(LOOK_S)
    except KafkaError as error:
        raise SourceUnavailable(f"Kafka at {settings.kafka} takes no tick: {type(error).__name__}") from error
    finally:
        sender.close()
