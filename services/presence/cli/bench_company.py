"""What the job of company costs as people and acts grow: the book on disk, and one snapshot of it. No broker."""

import random
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from presence.associates.book import Book, Closing
from presence.associates.service import companies
from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Kind,
    Network,
    PersonId,
    Verb,
)
from presence.log.topics import DAY_MS

DAY = 20_000
BATCH = 5_000


def measure(people: int, acts_each: int) -> dict[str, Any]:
    """Acts per second into the book, people per second out of it, and the most memory that it took, MiB."""
    with tempfile.TemporaryDirectory() as folder:
        book = Book(Path(folder))
        began = time.perf_counter()
        acts = 0
        for batch in _batches(people, acts_each):
            acts += len(batch)
            book.apply("log", 0, batch, next_offset=acts)
        wrote_s = time.perf_counter() - began
        closings = [Closing(_name(number), DAY, 1_000 * (number % 100)) for number in range(people)]
        for at in range(0, people, BATCH):
            book.close_days("history", 0, closings[at : at + BATCH], next_offset=at)
        del closings
        began = time.perf_counter()
        with book.reading() as reader:
            number = sum(found.number for _, found in companies(reader, DAY))
        read_s = time.perf_counter() - began
        size = sum(each.stat().st_size for each in Path(folder).iterdir())
        book.close()
    return {
        "case": "company",
        "people": people,
        "acts": acts,
        "ties": number // 2,
        "acts_per_s": round(acts / wrote_s),
        "snapshot_s": round(read_s, 2),
        "people_per_s": round(people / read_s),
        "disk_mib": size >> 20,
        "peak_memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
    }


def _batches(people: int, acts_each: int) -> Iterator[list[Event]]:
    """Everybody reacts to the next ones in a circle, and half of that comes back."""
    chance = random.Random(1)  # noqa: S311 (no secret)
    batch = []
    for number in range(people * acts_each):
        actor, step = number % people, 1 + number // people
        target = (actor + (step if chance.random() < 0.5 else -step)) % people
        verb = Verb.FOLLOW if number % 3 == 0 else Verb.LIKE
        batch.append(
            Event(
                kind=Kind.ACTIVITY, id=EventId(number + 1), person=_name(target), network=Network("bluesky"),
                account=AccountHash(1), direction=Direction.TO, verb=verb, actor=ActorHash(1), actor_person=_name(actor),
                magnitude=1, occurred_ms=DAY * DAY_MS, observed_ms=DAY * DAY_MS,
            )
        )  # fmt: skip
        if len(batch) == BATCH:
            yield batch
            batch = []
    yield batch


def _name(number: int) -> PersonId:
    return PersonId(f"p_{number:026}")
