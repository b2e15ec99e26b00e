"""Logs for a partition, with everything that a log can have."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Gauge,
    Kind,
    Network,
    Object,
    PersonId,
    PersonKind,
    Severity,
    TimeQuality,
    Verb,
)
from presence.log import codec

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
ACTS = (
    (Direction.BY, Verb.CREATE, Object.NOTE),
    (Direction.TO, Verb.LIKE, Object.NOTE),
    (Direction.TO, Verb.FOLLOW, Object.PROFILE),
    (Direction.BY, Verb.JOIN, Object.VIDEO),
)


@dataclass
class Record:
    offset: int
    key: bytes | None
    value: bytes | None


def events(count: int, seed: int = 7) -> Iterator[Event]:
    """A log of five people, with everything that a log can have; some ids repeat."""
    chance = random.Random(seed)
    for number in range(count):
        person = PersonId(f"p_{chance.randrange(5)}")
        observed_ms = NOW_MS + number * 60_000
        network, account = Network(chance.choice(("bluesky", "x"))), AccountHash(chance.randrange(2))
        what = chance.choices(range(8), (80, 6, 4, 2, 2, 2, 1, 1))[0]
        if what == 0:
            act = chance.randrange(400)
            direction, verb, target = ACTS[act % 4]
            network, account = Network(("bluesky", "x")[act % 3 % 2]), AccountHash(act % 5 % 2)
            yield Event(
                kind=Kind.ACTIVITY, id=EventId(act), person=person, network=network, account=account,
                direction=direction, verb=verb, object=target, actor=ActorHash(act % 17 + 1),
                occurred_ms=NOW_MS - act * DAY_MS // 4, observed_ms=observed_ms, magnitude=1,
                time_quality=TimeQuality.EXACT,
            )  # fmt: skip
        elif what == 1:
            act = EventId(chance.randrange(400))
            yield Event(
                kind=Kind.UNDO,
                id=EventId(10_000 + number),
                person=person,
                ref_id=act,
                observed_ms=observed_ms,
            )
        elif what == 2:
            yield Event(
                kind=Kind.GAUGE, id=EventId(20_000 + number), person=person, network=network, account=account,
                gauge=Gauge.FOLLOWERS, value=chance.randrange(10**6), observed_ms=observed_ms,
            )  # fmt: skip
        elif what == 3:
            yield Event(
                kind=Kind.UNLINKED, person=person, network=network, account=account, observed_ms=observed_ms
            )
        elif what == 4:
            yield Event(
                kind=Kind.FLAG, id=EventId(30_000 + number), person=person, ref_id=EventId(chance.randrange(3)),
                severity=Severity.MINOR, withdrawn=chance.random() < 0.5, occurred_ms=NOW_MS, observed_ms=observed_ms,
            )  # fmt: skip
        elif what == 5:
            yield Event(
                kind=Kind.ENROLLED, id=EventId(40_000 + number), person=person,
                person_kind=PersonKind.BUSINESS, observed_ms=observed_ms,
            )  # fmt: skip
        elif what == 6:
            complete_ms = observed_ms + chance.randrange(5) * DAY_MS
            yield Event(
                kind=Kind.WATERMARK, network=network, complete_ms=complete_ms, observed_ms=observed_ms
            )
        else:
            yield Event(kind=Kind.CLOCK, observed_ms=observed_ms + DAY_MS)


def records(log: Sequence[Event]) -> list[Record]:
    return [Record(at, each.person.encode() or None, codec.encode(each)) for at, each in enumerate(log)]
