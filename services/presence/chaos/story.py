"""Seeded events of invented people: every kind that the log knows, in a plausible mixture. Pure."""

import random
from base64 import b32encode
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Category,
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
from presence.log.topics import DAY_MS

BEGIN_MS = 1_767_571_200_000
"""Monday, 2026-01-05T00:00Z: a fixed day, so that a seed gives the same bytes on any day."""
DAYS = 10
"""Over which the events of a run are observed."""
NETWORKS = ("bluesky", "x", "linkedin", "yelp", "github")
ACCOUNTS_MAX = 3
KINDS = {
    Kind.ACTIVITY: 8_000,
    Kind.UNDO: 800,
    Kind.GAUGE: 500,
    Kind.ENROLLED: 250,
    Kind.FLAG: 200,
    Kind.ASSOCIATES: 150,
    Kind.UNLINKED: 60,
    Kind.WATERMARK: 10,
    Kind.ERASED: 5,
}
"""How often each kind comes, in so many of about 10,000 events; CLOCK comes by the day."""
ACTS = (
    (Direction.TO, Verb.LIKE, Object.NOTE),
    (Direction.TO, Verb.LIKE, Object.NOTE),
    (Direction.BY, Verb.CREATE, Object.NOTE),
    (Direction.BY, Verb.CREATE, Object.ARTICLE),
    (Direction.TO, Verb.CREATE, Object.NOTE),
    (Direction.TO, Verb.ANNOUNCE, Object.NOTE),
    (Direction.TO, Verb.MENTION, Object.NOTE),
    (Direction.TO, Verb.FOLLOW, Object.PROFILE),
    (Direction.TO, Verb.STAR, Object.REPOSITORY),
    (Direction.TO, Verb.REVIEW, Object.PAGE),
    (Direction.TO, Verb.MESSAGE, Object.UNSPECIFIED),
    (Direction.TO, Verb.VIEW, Object.PAGE),
    (Direction.BY, Verb.LIKE, Object.NOTE),
    (Direction.BY, Verb.JOIN, Object.VIDEO),
)
"""Most are signals of the model; one is not, so that ignored acts are among them."""
UNDO_AHEAD = 3
"""An undo may name an act that is still to come, at most so many of its person's acts ahead."""
WRONG_DAYS = (-30, -2, -1, 1, 2, 5)
GAUGE_MAX = {Gauge.PROFILE_COMPLETENESS: 100, Gauge.RATING_STARS: 5_000}


def person_id(seed: int, number: int) -> PersonId:
    """A pseudonym as the roster makes them: `p_` and 26 characters."""
    digest = blake2b(f"{seed}:{number}".encode(), digest_size=16).digest()
    return PersonId("p_" + b32encode(digest).decode().lower().rstrip("="))


class Story:
    """Iterate over it for `events` events of `people` people; a CLOCK or WATERMARK stands for one in each partition.

    With `clock_jumps` some events are told by a clock that is days ahead or behind.
    """

    def __init__(self, seed: int, events: int, people: int, *, clock_jumps: bool = False) -> None:
        self._chance = random.Random(seed)  # noqa: S311 (repeatable, not secret)
        self._events = events
        self._clock_jumps = clock_jumps
        self._people = [person_id(seed, number) for number in range(people)]
        self._acts = [0] * people
        """How many acts of each person have been told."""
        self._kinds = self._chance.choices(list(KINDS), list(KINDS.values()), k=events)

    def __iter__(self) -> Iterator[Event]:
        day = 0
        for number, kind in enumerate(self._kinds):
            observed_ms = BEGIN_MS + number * DAYS * DAY_MS // self._events
            if (observed_ms - BEGIN_MS) // DAY_MS > day:
                day = (observed_ms - BEGIN_MS) // DAY_MS
                yield Event(kind=Kind.CLOCK, observed_ms=BEGIN_MS + (day + self._wrong_days()) * DAY_MS)
            else:
                yield self._event(kind, number, observed_ms + self._wrong_days() * DAY_MS)

    def _wrong_days(self) -> int:
        """By how many days the clock of whoever tells this event is wrong: mostly by none."""
        return self._chance.choice(WRONG_DAYS) if self._clock_jumps and self._chance.random() < 0.05 else 0

    def _event(self, kind: Kind, number: int, observed_ms: int) -> Event:
        if kind == Kind.WATERMARK:
            return Event(kind=kind, observed_ms=observed_ms, **self._watermark(observed_ms))
        # Squared, so that some people are busy and most are not.
        who = int(len(self._people) * self._chance.random() ** 2)
        fields = {
            Kind.ACTIVITY: self._activity,
            Kind.UNDO: self._undo,
            Kind.GAUGE: self._gauge,
            Kind.FLAG: self._flag,
            Kind.ENROLLED: self._enrolled,
            Kind.ASSOCIATES: self._associates,
            Kind.UNLINKED: self._account,
            Kind.ERASED: self._nothing,
        }[kind](who, observed_ms)
        return Event(
            kind=kind,
            person=self._people[who],
            observed_ms=observed_ms,
            **{"id": EventId(number + 1), **fields},
        )

    def _nothing(self, _who: int, _observed_ms: int) -> dict[str, Any]:
        return {}

    def _account(self, who: int, _observed_ms: int) -> dict[str, Any]:
        return {
            "network": Network(NETWORKS[(who + self._chance.randrange(2)) % len(NETWORKS)]),
            "account": AccountHash(who * ACCOUNTS_MAX + int(ACCOUNTS_MAX * self._chance.random() ** 3)),
        }

    def _activity(self, who: int, observed_ms: int) -> dict[str, Any]:
        self._acts[who] += 1
        direction, verb, thing = self._chance.choice(ACTS)
        back_ms = int(self._chance.random() ** 4 * 400 * DAY_MS)
        return self._account(who, observed_ms) | {
            "id": _act_id(who, self._acts[who]),
            "direction": direction,
            "verb": verb,
            "object": thing,
            "actor": ActorHash(self._chance.getrandbits(64) | 1 if direction == Direction.TO else 0),
            "occurred_ms": observed_ms - back_ms,
            "time_quality": TimeQuality.EXACT,
            "magnitude": self._chance.choice((1, 1, 1, 1, 3, 250)),
            "rating": self._chance.randrange(1_000, 5_001) if verb == Verb.REVIEW else 0,
            "in_reply_to_other": self._chance.random() < 0.3,
        }

    def _undo(self, who: int, _observed_ms: int) -> dict[str, Any]:
        act = self._acts[who] + self._chance.randint(1 - min(self._acts[who], 20), UNDO_AHEAD)
        return {"ref_id": _act_id(who, act)}

    def _gauge(self, who: int, observed_ms: int) -> dict[str, Any]:
        gauge = self._chance.choice([each for each in Gauge if each])
        value = self._chance.randrange(GAUGE_MAX.get(gauge, 10**6) + 1)
        return self._account(who, observed_ms) | {"gauge": gauge, "value": value}

    def _flag(self, _who: int, observed_ms: int) -> dict[str, Any]:
        return {
            "ref_id": EventId(self._chance.randrange(4)),
            "severity": self._chance.choice((Severity.MINOR, Severity.SERIOUS, Severity.SEVERE)),
            "withdrawn": self._chance.random() < 0.5,
            "category": Category.OTHER,
            "occurred_ms": observed_ms - self._chance.randrange(30) * DAY_MS,
        }

    def _enrolled(self, _who: int, _observed_ms: int) -> dict[str, Any]:
        return {
            "person_kind": self._chance.choice((PersonKind.PERSON, PersonKind.PERSON, PersonKind.BUSINESS))
        }

    def _associates(self, _who: int, _observed_ms: int) -> dict[str, Any]:
        return {"mean": self._chance.randrange(100_001), "number": self._chance.randrange(1, 500)}

    def _watermark(self, observed_ms: int) -> dict[str, Any]:
        lag_ms = self._chance.randrange(3) * DAY_MS
        return {"network": Network(self._chance.choice(NETWORKS)), "complete_ms": observed_ms - lag_ms}


def _act_id(who: int, act: int) -> EventId:
    """Of a person's act number `act`: told before the act is, so that an undo can come first."""
    return EventId((who << 32 | act) * 0x9E3779B97F4A7C15 % 2**64)
