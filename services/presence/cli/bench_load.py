"""Synthetic activity for measurements: whole batches at once, so that the producer is never what is measured.

`python -m presence.cli.bench_load PEOPLE EVENTS RATE` adds EVENTS to the log of the environment's settings, RATE a
second, or as fast as it can where RATE is 0.
"""

import asyncio
import os
import random
import sys
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle

from aiokafka import AIOKafkaProducer

from presence.events.vocabulary import Direction, Kind, Object, TimeQuality, Verb
from presence.log.clock import now_ms
from presence.log.settings import Settings
from presence.v1 import event_pb2

TICK_S = 0.02
TURN = 20_000
"""Events that are sent before others have their turn, where there is no rate."""
BATCH_BYTES_MAX = 2**18
DAYS = 90
"""How far back the acts happened."""
VERBS = (Verb.CREATE, Verb.LIKE, Verb.ANNOUNCE, Verb.FOLLOW)
NETWORKS = ("bluesky", "x", "linkedin", "blog")


def parts(people: int, events: int, seed: int) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each act, without its times. A few people have most of the events, as in life."""
    chance = random.Random(seed)  # noqa: S311 (no secrets here)
    for _ in range(events):
        number = int(people * chance.random() ** 2)
        person = f"p_{number:026d}"
        direction = Direction(chance.randrange(1, 3))
        message = event_pb2.Event(
            id=chance.getrandbits(64), kind=event_pb2.EventKind.ValueType(Kind.ACTIVITY), person=person,
            network=NETWORKS[number % 4], account=number + 1, direction=event_pb2.Direction.ValueType(direction),
            verb=event_pb2.Verb.ValueType(VERBS[chance.randrange(4)]), object=event_pb2.Object.ValueType(Object.NOTE),
            actor=chance.getrandbits(64) if direction == Direction.TO else 0,
            time_quality=event_pb2.TimeQuality.ValueType(TimeQuality.EXACT), magnitude=1,
        )  # fmt: skip
        yield person.encode(), message.SerializeToString()


def times(observed_ms: int, age_ms: int) -> bytes:
    """The fields that are missing from a part; put behind it they complete the message."""
    return event_pb2.Event(observed_ms=observed_ms, occurred_ms=observed_ms - age_ms).SerializeToString()


async def produce(settings: Settings, people: int, events: int, rate: int, seed: int) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka, compression_type="zstd", acks="all", max_batch_size=BATCH_BYTES_MAX
    )
    await producer.start()
    made = _by_partition(parts(people, events, seed), settings.partitions)
    began, share = time.monotonic(), 0.0
    while share < 1.0:
        before, now = share, (time.monotonic() - began) * rate / events if rate else 1.0
        share = min(1.0, now, before + TURN / events)
        for number, acts in enumerate(made):
            some = acts[round(before * len(acts)) : round(share * len(acts))]
            await _send(producer, settings.topics.activity, number, some)
        if rate:
            await asyncio.sleep(TICK_S)
    await producer.stop()


def _by_partition(acts: Iterable[tuple[bytes, bytes]], partitions: int) -> list[list[tuple[bytes, bytes]]]:
    found: list[list[tuple[bytes, bytes]]] = [[] for _ in range(partitions)]
    for act in acts:
        found[zlib.crc32(act[0]) % partitions].append(act)
    return found


async def _send(
    producer: AIOKafkaProducer, topic: str, partition: int, some: Sequence[tuple[bytes, bytes]]
) -> None:
    """Acts of one partition, observed now."""
    now = now_ms()
    ages = [times(now, day * 86_400_000) for day in range(DAYS)]
    batch = producer.create_batch()
    for (key, part), age in zip(some, cycle(ages), strict=False):
        while not batch.append(key=key, value=part + age, timestamp=None):
            await producer.send_batch(batch, topic, partition=partition)
            batch = producer.create_batch()
    if batch.record_count():
        await producer.send_batch(batch, topic, partition=partition)


if __name__ == "__main__":
    found = Settings.from_env(os.environ)
    people, events, rate = map(int, sys.argv[1:4])
    asyncio.run(produce(found, people, events, rate, random.SystemRandom().randrange(2**32)))
