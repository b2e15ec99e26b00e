"""Section 2 of the page: the state, and what one record does to it. One record at a time."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Generic, NamedTuple, TypeVar

from tests.oracle.page import SLOT_MASK, signal_of
from tests.oracle.quantity import week

from presence.events.vocabulary import Direction, Event, Gauge, Kind, PersonKind, Severity

T = TypeVar("T")


class Account(NamedTuple):
    """Ordered by the network's bytes (networks are ASCII), then by the unsigned number."""

    network: str
    number: int


class Row(NamedTuple):
    """The key of a count."""

    account: Account
    signal: str
    slot: int
    week: int


class Dated(NamedTuple, Generic[T]):
    """A value of which the greatest (observed_ms, event id) wins."""

    observed_ms: int
    id: int
    value: T


class Flag(NamedTuple):
    severity: Severity
    occurred_ms: int
    withdrawn: bool


UNDONE: dict[Row, int] = {}
"""The ledger's entry of an act that was taken back: it adds to no row, for ever."""


@dataclass
class Person:
    counts: dict[Row, int] = field(default_factory=dict)
    gauges: dict[tuple[Account, Gauge], Dated[int]] = field(default_factory=dict)
    flags: dict[int, Dated[Flag]] = field(default_factory=dict)
    associates: Dated[tuple[int, int]] | None = None
    ledger: dict[int, dict[Row, int]] = field(default_factory=dict)
    kind: Dated[PersonKind] | None = None
    newest_ms: int = 0
    erased: bool = False

    def accounts(self) -> list[Account]:
        """Every account of which anything is known, in order."""
        return sorted({row.account for row in self.counts} | {account for account, _ in self.gauges})


@dataclass
class Partition:
    """All people of one partition, its clock and its watermarks."""

    people: dict[str, Person] = field(default_factory=dict)
    clock_ms: int = 0
    watermarks: dict[str, int] = field(default_factory=dict)
    ignored: int = 0


def fold(events: Iterable[Event], partition: Partition | None = None) -> Partition:
    """`partition` (a new one without it), after each of `events` in turn. It is changed in place."""
    if partition is None:
        partition = Partition()
    for event in events:
        apply(partition, event)
    return partition


def apply(partition: Partition, event: Event) -> None:
    if event.kind == Kind.CLOCK:
        partition.clock_ms = max(partition.clock_ms, event.observed_ms)
    elif event.kind == Kind.WATERMARK:
        known = partition.watermarks.get(event.network, event.complete_ms)
        partition.watermarks[event.network] = max(known, event.complete_ms)
    elif event.kind == Kind.ERASED:
        partition.people[event.person] = Person(erased=True)
    else:
        person = partition.people.setdefault(event.person, Person())
        if not person.erased:
            person.newest_ms = max(person.newest_ms, event.observed_ms)
            partition.ignored += not _apply_to_person(person, event)


def _apply_to_person(person: Person, event: Event) -> bool:
    """False for a record that was ignored because no signal names it."""
    match event.kind:
        case Kind.ACTIVITY:
            return _activity(person, event)
        case Kind.UNDO:
            _add(person, person.ledger.get(event.ref_id, UNDONE), sign=-1)
            person.ledger[event.ref_id] = UNDONE
        case Kind.GAUGE:
            key = Account(event.network, event.account), event.gauge
            person.gauges[key] = _newer(person.gauges.get(key), _dated(event, event.value))
        case Kind.FLAG:
            flag = Flag(event.severity, event.occurred_ms, event.withdrawn)
            person.flags[event.ref_id] = _newer(person.flags.get(event.ref_id), _dated(event, flag))
        case Kind.ASSOCIATES:
            person.associates = _newer(person.associates, _dated(event, (event.mean, event.number)))
        case Kind.ENROLLED:
            person.kind = _newer(person.kind, _dated(event, event.person_kind))
        case Kind.UNLINKED:
            _unlink(person, Account(event.network, event.account))
    return True


def _activity(person: Person, event: Event) -> bool:
    signal = signal_of(event)
    if signal is None:
        return False
    if event.id in person.ledger:
        return True
    received = event.direction == Direction.TO and signal != "REVIEW"
    slot = event.actor & SLOT_MASK if received else 0
    row = Row(Account(event.network, event.account), signal, slot, week(event.occurred_ms))
    added = {row: 1000 * event.magnitude}
    if signal == "REVIEW":
        added = {row: 1000, row._replace(signal="REVIEW_STARS"): 1000 * event.rating}
    _add(person, added, sign=1)
    person.ledger[event.id] = added
    return True


def _add(person: Person, amounts: dict[Row, int], *, sign: int) -> None:
    for row, amount in amounts.items():
        total = person.counts.get(row, 0) + sign * amount
        if total:
            person.counts[row] = total
        else:
            person.counts.pop(row, None)


def _unlink(person: Person, account: Account) -> None:
    person.counts = {row: n for row, n in person.counts.items() if row.account != account}
    person.gauges = {key: value for key, value in person.gauges.items() if key[0] != account}
    person.ledger = {
        number: added
        for number, added in person.ledger.items()
        if all(row.account != account for row in added)
    }


def _dated(event: Event, value: T) -> Dated[T]:
    return Dated(event.observed_ms, event.id, value)


def _newer(known: Dated[T] | None, told: Dated[T]) -> Dated[T]:
    if known is not None and (known.observed_ms, known.id) >= (told.observed_ms, told.id):
        return known
    return told


def copy(partition: Partition) -> Partition:
    """A partition that can be folded further without changing this one."""
    people = {
        name: replace(
            person,
            counts=dict(person.counts),
            gauges=dict(person.gauges),
            flags=dict(person.flags),
            ledger=dict(person.ledger),
        )
        for name, person in partition.people.items()
    }
    return replace(partition, people=people, watermarks=dict(partition.watermarks))
