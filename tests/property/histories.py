"""Event sets for the properties: everyday ones and hostile ones, all of which pass the door.

Hypothesis draws one block of bytes per history; each record is read from RECORD_BYTES of it, one byte
per choice from a table. That is a hundred times cheaper than a draw per field, and still shrinks: fewer
bytes are fewer records, and a zero byte is the plainest choice of each table.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from hypothesis import strategies as st

from presence.events import door
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

T = TypeVar("T")
Fields = dict[str, Any]

DAY_MS = 86_400_000
BASE_MS = 1_767_571_200_000
"""Monday, 2026-01-05T00:00Z."""
RECORD_BYTES = 18
RECORDS_MAX = 40

PEOPLE = ("p_ada", "p_bo", "p_čy")
NETWORKS = ("bluesky", "linkedin", "yelp", "google", "x", "nowhere-else")
ACCOUNTS = (1, 0, 2**63, 2**64 - 1)
ACTORS = (1, 2, 3, 64, 65, 127, 2**63, 2**64 - 1, 2**64 - 64, 12_345_678_901_234_567_890)
DAYS = (0, -1, 1, -3, -4, -6, -7, 6, 7, -30, -60, -90, -180, -365, -730, -3650, -7300, -8039, 30, 364)
MS_OF_DAY = (0, 1, 43_200_000, DAY_MS - 1)
LAGS_MS = (*(0,) * 50, 1_000, DAY_MS, -door.FUTURE_MS_MAX, 30 * DAY_MS, 3_650 * DAY_MS)
MAGNITUDES = (1, 1, 1, 2, 3, 7, 19, 20, 21, 50, 999, 1_000, door.MAGNITUDE_MAX)
RATINGS = (5_000, 1_000, 1_001, 2_500, 3_499, 3_500, 3_501, 4_400, 4_999)
GAUGE_VALUES = {
    Gauge.FOLLOWERS: (0, 1, 7, 300, 50_000, 5_000_000, 10**12),
    Gauge.CONNECTIONS: (0, 1, 7, 500, 30_000, 10**12),
    Gauge.PROFILE_COMPLETENESS: (100, 0, 1, 49, 50, 51, 99),
    Gauge.RATING_STARS: (4_400, 0, 1_000, 3_500, 3_501, 5_000),
    Gauge.RATING_COUNT: (3, 0, 1, 40, 300, 10**9, 10**9 + 1, 10**12),
}
MEANS = (50_000, 0, 1, 49_999, 50_001, 80_000, 100_000)
NUMBERS = (1, 2, 10, 500, 1_000_000)

MOMENTS_MS = tuple(BASE_MS + days * DAY_MS for days in (0, 1, 6, 7, 30, 89, 365, 3_650, 36_500, -400))
"""Usual and unusual times to look at a score."""
HOSTILE_MOMENTS_MS = (*MOMENTS_MS, 0, door.OCCURRED_MS_MIN, door.TIME_MS_MAX)

ACTS = (
    (Direction.TO, Verb.LIKE, Object.NOTE, False),
    (Direction.BY, Verb.CREATE, Object.NOTE, False),
    (Direction.BY, Verb.CREATE, Object.ARTICLE, False),
    (Direction.BY, Verb.CREATE, Object.NOTE, True),
    (Direction.TO, Verb.CREATE, Object.NOTE, True),
    (Direction.TO, Verb.ANNOUNCE, Object.ARTICLE, False),
    (Direction.TO, Verb.MENTION, Object.NOTE, False),
    (Direction.TO, Verb.FOLLOW, Object.PROFILE, False),
    (Direction.TO, Verb.STAR, Object.REPOSITORY, False),
    (Direction.TO, Verb.REVIEW, Object.PAGE, False),
    (Direction.TO, Verb.MESSAGE, Object.UNSPECIFIED, False),
    (Direction.TO, Verb.INVITE, Object.UNSPECIFIED, False),
    (Direction.TO, Verb.VIEW, Object.PAGE, False),
    (Direction.BY, Verb.LIKE, Object.NOTE, True),
    (Direction.BY, Verb.UPDATE, Object.PROFILE, False),
    (Direction.TO, Verb.REVIEW, Object.UNSPECIFIED, False),
)
"""One of every signal, drawn more often than the rest of what the vocabulary can say."""

EVERY_ACT = tuple(
    (direction, verb, thing, reply)
    for direction in (Direction.BY, Direction.TO)
    for verb in Verb
    if verb
    for thing in Object
    for reply in (False, True)
)

EVERYDAY = {
    Kind.ACTIVITY: 36,
    Kind.GAUGE: 12,
    Kind.UNDO: 6,
    Kind.FLAG: 3,
    Kind.ASSOCIATES: 2,
    Kind.ENROLLED: 2,
}
FOR_EVERYBODY = {Kind.CLOCK: 1, Kind.WATERMARK: 2}
IN_LOG_ORDER = {Kind.UNLINKED: 3, Kind.ERASED: 1}
"""Kinds that do not commute with the others."""
NAMELESS = {*FOR_EVERYBODY, *IN_LOG_ORDER}
HOSTILE = {**EVERYDAY, **FOR_EVERYBODY, **IN_LOG_ORDER}


QUIET: Fields = {}
NOISE: Fields = {
    "person_kind": PersonKind.BUSINESS,
    "network": Network("x"),
    "account": AccountHash(2**64 - 1),
    "direction": Direction.TO,
    "verb": Verb.REVIEW,
    "object": Object.NOTE,
    "actor": ActorHash(2**64 - 1),
    "actor_person": PersonId("p_ada"),
    "occurred_ms": BASE_MS,
    "time_quality": TimeQuality.DAY,
    "magnitude": 2,
    "rating": 5_000,
    "gauge": Gauge.FOLLOWERS,
    "value": 7,
    "ref_id": EventId(0),
    "ref_occurred_ms": BASE_MS,
    "in_reply_to_other": True,
    "mean": 1,
    "number": 1,
    "severity": Severity.SEVERE,
    "withdrawn": True,
    "category": Category.OTHER,
    "complete_ms": BASE_MS,
}
"""What a record may hold in the fields that its kind does not use: it must mean nothing."""


def id_of(index: int) -> EventId:
    """The id of the record with this index: 0 and numbers all over the unsigned 64 bits."""
    return EventId(index * 0x9E37_79B9_7F4A_7C15 % 2**64)


class Tables(NamedTuple):
    """What a history chooses from: kinds as often as they weigh, people, networks."""

    kinds: Sequence[Kind]
    people: Sequence[str] = PEOPLE
    networks: Sequence[str] = NETWORKS


class Chooser:
    """Reads one choice per byte."""

    def __init__(self, block: bytes, tables: Tables) -> None:
        self.bytes, self.tables = iter(block), tables

    def one_of(self, options: Sequence[T]) -> T:
        return options[next(self.bytes) % len(options)]

    def index(self, bound: int) -> int:
        return next(self.bytes) % bound


@st.composite
def histories(
    draw: st.DrawFn,
    kinds: dict[Kind, int] = HOSTILE,
    people: Sequence[str] = PEOPLE,
    records_max: int = RECORDS_MAX,
) -> list[Event]:
    """A log of up to `records_max` records of `kinds` (kind -> weight), repeats of some of them included.

    It happens on one network or on many: few make collisions, many make sums.
    """
    count = draw(st.integers(0, records_max))
    networks = NETWORKS[: draw(st.integers(1, len(NETWORKS)))]
    block = draw(st.binary(min_size=count * RECORD_BYTES, max_size=count * RECORD_BYTES))
    tables = Tables(tuple(kind for kind, weight in kinds.items() for _ in range(weight)), people, networks)
    return read(block, tables)


def read(block: bytes, tables: Tables) -> list[Event]:
    """The history that a block of bytes stands for."""
    events: list[Event] = []
    for index in range(len(block) // RECORD_BYTES):
        choose = Chooser(block[index * RECORD_BYTES : (index + 1) * RECORD_BYTES], tables)
        event = _record(choose, events)
        if events and choose.index(8) == 7:
            repeated = choose.one_of(events)
            event = replace(repeated, observed_ms=max(event.observed_ms, repeated.occurred_ms))
        events.append(door.check(event))
    return events


def _record(choose: Chooser, earlier: Sequence[Event]) -> Event:
    kind = choose.one_of(choose.tables.kinds)
    person = PersonId("" if kind in FOR_EVERYBODY else choose.one_of(choose.tables.people))
    time_ms = BASE_MS + choose.one_of(DAYS) * DAY_MS + choose.one_of(MS_OF_DAY)
    time_ms = max(time_ms, door.OCCURRED_MS_MIN)
    common: Fields = {
        "kind": kind,
        "person": person,
        "id": EventId(0) if kind in NAMELESS else id_of(len(earlier)),
        "observed_ms": time_ms + choose.one_of(LAGS_MS),
    }
    noise = choose.one_of((QUIET, QUIET, QUIET if kind in FOR_EVERYBODY else NOISE))
    return Event(**(noise | common | _OF_KIND[kind](choose, time_ms, earlier)))


def _account(choose: Chooser) -> Fields:
    return {
        "network": Network(choose.one_of(choose.tables.networks)),
        "account": AccountHash(choose.one_of(ACCOUNTS)),
    }


def _activity(choose: Chooser, time_ms: int, _earlier: Sequence[Event]) -> Fields:
    act = choose.one_of(ACTS) if choose.index(5) else EVERY_ACT[choose.index(256) * 5 % len(EVERY_ACT)]
    direction, verb, thing, reply = act
    return _account(choose) | {
        "direction": direction,
        "verb": verb,
        "object": thing,
        "in_reply_to_other": reply,
        "actor": ActorHash(choose.one_of(ACTORS) if direction == Direction.TO else 0),
        "occurred_ms": time_ms,
        "magnitude": choose.one_of(MAGNITUDES),
        "rating": choose.one_of(RATINGS) if verb == Verb.REVIEW else 0,
    }


def _gauge(choose: Chooser, _time_ms: int, _earlier: Sequence[Event]) -> Fields:
    gauge = choose.one_of(tuple(GAUGE_VALUES))
    return _account(choose) | {"gauge": gauge, "value": choose.one_of(GAUGE_VALUES[gauge])}


def _undo(choose: Chooser, _time_ms: int, earlier: Sequence[Event]) -> Fields:
    """Of an act that came before, of one that may come, or of one that never comes."""
    index = choose.index(RECORDS_MAX + 5)
    known = earlier[index].person if index < len(earlier) else ""
    return {"ref_id": id_of(index)} | ({"person": known} if known else {})


def _flag(choose: Chooser, time_ms: int, _earlier: Sequence[Event]) -> Fields:
    return {
        "ref_id": EventId(choose.one_of(ACCOUNTS)),
        "severity": choose.one_of((Severity.SEVERE, Severity.SERIOUS, Severity.MINOR)),
        "withdrawn": choose.one_of((False, False, True)),
        "occurred_ms": time_ms,
    }


def _associates(choose: Chooser, _time_ms: int, _earlier: Sequence[Event]) -> Fields:
    return {"mean": choose.one_of(MEANS), "number": choose.one_of(NUMBERS)}


def _enrolled(choose: Chooser, _time_ms: int, _earlier: Sequence[Event]) -> Fields:
    return {"person_kind": choose.one_of(list(PersonKind))}


def _watermark(choose: Chooser, time_ms: int, _earlier: Sequence[Event]) -> Fields:
    return {"network": Network(choose.one_of(choose.tables.networks)), "complete_ms": time_ms}


def _unlinked(choose: Chooser, _time_ms: int, earlier: Sequence[Event]) -> Fields:
    """Mostly an account that something is known of."""
    known = choose.one_of(earlier) if earlier else None
    if known and known.network and known.person:
        return {"network": known.network, "account": known.account}
    return _account(choose)


def _nothing(_choose: Chooser, _time_ms: int, _earlier: Sequence[Event]) -> Fields:
    return {}


_OF_KIND: dict[Kind, Callable[[Chooser, int, Sequence[Event]], Fields]] = {
    Kind.ACTIVITY: _activity,
    Kind.GAUGE: _gauge,
    Kind.UNDO: _undo,
    Kind.FLAG: _flag,
    Kind.ASSOCIATES: _associates,
    Kind.ENROLLED: _enrolled,
    Kind.CLOCK: _nothing,
    Kind.WATERMARK: _watermark,
    Kind.UNLINKED: _unlinked,
    Kind.ERASED: _nothing,
}


def as_told_of(person: str, events: Iterable[Event]) -> list[Event]:
    """The same records about another person, so that one frame holds both and can be compared."""
    return [replace(event, person=PersonId(person)) if event.person else event for event in events]
