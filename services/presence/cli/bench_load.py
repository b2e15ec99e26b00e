"""Synthetic activity for measurements: whole batches at once, so that the producer is never what is measured.

`python -m presence.cli.bench_load PEOPLE EVENTS RATE [CHUNK]` adds EVENTS to the log of the environment's settings, RATE a
second, or as fast as it can where RATE is 0. All are made before the first is sent, or CHUNK at a time: for hours.
"""

import asyncio
import os
import random
import sys
import time
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import cycle, islice
from typing import NamedTuple

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


class Pace(NamedTuple):
    """`rate` a second, 0: as fast as it goes; `chunk`: how many are made at a time, 0: all."""

    events: int
    rate: int
    chunk: int = 0


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


async def produce(settings: Settings, people: int, pace: Pace, seed: int) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka, compression_type="zstd", acks="all", max_batch_size=BATCH_BYTES_MAX
    )
    await producer.start()
    acts, began = parts(people, pace.events, seed), 0.0
    chunk = pace.chunk or pace.events
    for start in range(0, pace.events, chunk):
        number = min(chunk, pace.events - start)
        made = _by_partition(islice(acts, number), settings.partitions)
        began = began or time.monotonic()
        async for before, share in _shares(number, pace.rate, began + start / (pace.rate or 1)):
            for partition, some in enumerate(made):
                due = some[round(before * len(some)) : round(share * len(some))]
                await _send(producer, settings.topics.activity, partition, due)
    await producer.stop()


async def _shares(number: int, rate: int, began: float) -> AsyncIterator[tuple[float, float]]:
    """From which share to which share of `number` events to send now, at `rate` from `began` on."""
    share = 0.0
    while share < 1.0:
        before, now = share, (time.monotonic() - began) * rate / number if rate else 1.0
        share = max(before, min(1.0, now, before + TURN / number))
        yield before, share
        if rate:
            await asyncio.sleep(TICK_S)


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
    people, *numbers = map(int, sys.argv[1:])
    asyncio.run(produce(found, people, Pace(*numbers), random.SystemRandom().randrange(2**32)))
