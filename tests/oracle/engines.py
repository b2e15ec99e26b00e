"""One face for the oracle and the core, so that every check can be asked of both.

Both tell a state as `Tables` (table -> sorted rows, signals and gauges by name) and a score as the
JSON object of `presence model evaluate`, so that an answer of one can be compared with the other's
by `==`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import polars as pl
from tests.oracle.evaluate import Score, evaluate
from tests.oracle.explain import Waterfall, change, waterfall
from tests.oracle.fold import Dated, Partition, Person, Row, copy, fold
from tests.oracle.page import PILLARS

from presence.events.vocabulary import Event, Gauge, PersonKind
from presence.model.columns import frame
from presence.model.evaluate import evaluate as core_evaluate
from presence.model.explain import change as core_change
from presence.model.fold import fold as core_fold
from presence.model.spec import load
from presence.model.state import KEYS
from presence.model.state import State as CoreState

Tables = dict[str, Any]
ScoreJson = dict[str, Any]


class Change(NamedTuple):
    """Differences of waterfalls: (entry, network, account) -> millipoints."""

    decay: dict[tuple[Any, ...], int]
    events: dict[tuple[Any, ...], int]


class Engine(Protocol):
    """An implementation of the page. A state is of its own type and only handed back to it."""

    def empty(self) -> Any: ...

    def fold(self, state: Any, events: Sequence[Event]) -> Any:
        """`state` after `events` in log order; `state` itself is not changed."""

    def same(self, one: Any, other: Any) -> bool:
        """Whether two states are the same, byte for byte where the engine has bytes."""

    def tables(self, state: Any) -> Tables: ...

    def scores(self, state: Any, as_of_ms: int | None = None) -> dict[str, ScoreJson]:
        """By person; an erased person has none."""

    def change(self, old: Any, new: Any, times_ms: tuple[int, int]) -> dict[str, Change]:
        """By person of `new`, from the old score at the first time to the new one at the second."""


class Oracle:
    """The plain implementation of tests/oracle."""

    def __str__(self) -> str:
        return "oracle"

    def empty(self) -> Partition:
        return Partition()

    def fold(self, state: Partition, events: Sequence[Event]) -> Partition:
        return fold(events, copy(state))

    def same(self, one: Partition, other: Partition) -> bool:
        return self.tables(one) == self.tables(other)

    def tables(self, state: Partition) -> Tables:
        people = state.people.items()
        return {
            "people": sorted((name, *_person_row(person)) for name, person in people),
            "counts": sorted(
                (name, *row.account, row.signal, row.slot, row.week, amount)
                for name, person in people
                for row, amount in person.counts.items()
            ),
            "gauges": sorted(
                (name, *account, gauge.name, held.value, held.observed_ms, held.id)
                for name, person in people
                for (account, gauge), held in person.gauges.items()
            ),
            "flags": sorted(
                (name, ref_id, int(held.value.severity), *held.value[1:], held.observed_ms, held.id)
                for name, person in people
                for ref_id, held in person.flags.items()
            ),
            "ledger": sorted(
                (name, number, *_ledger_row(added))
                for name, person in people
                for number, added in person.ledger.items()
            ),
            "clock_ms": state.clock_ms,
            "watermarks": dict(state.watermarks),
        }

    def scores(self, state: Partition, as_of_ms: int | None = None) -> dict[str, ScoreJson]:
        scored = {name: evaluate(state, name, as_of_ms) for name in state.people}
        return {
            name: _oracle_json(name, score, len(_standing(state.people[name])))
            for name, score in scored.items()
            if score
        }

    def change(self, old: Partition, new: Partition, times_ms: tuple[int, int]) -> dict[str, Change]:
        changes = {name: change(old, new, name, *times_ms) for name in new.people}
        return {name: Change(_flat(one.decay), _flat(one.events)) for name, one in changes.items()}


def _standing(person: Person) -> list[int]:
    return [number for number, added in person.ledger.items() if added]


def _person_row(person: Person) -> tuple[Any, ...]:
    if person.erased:
        return (True,)
    kind = person.kind or Dated(0, 0, PersonKind.PERSON)
    mean, number = person.associates.value if person.associates else (0, 0)
    dated = (person.associates.observed_ms, person.associates.id) if person.associates else (0, 0)
    return (
        False,
        *(int(kind.value), kind.observed_ms, kind.id),
        *(person.newest_ms, len(_standing(person))),
        *(mean, number, *dated),
    )


def _ledger_row(added: Mapping[Row, int]) -> tuple[Any, ...]:
    if not added:
        return (True,)
    (row, amount), *stars = added.items()
    return (False, *row.account, row.signal, row.slot, row.week, amount, sum(n for _, n in stars))


def _oracle_json(name: str, score: Score, events: int) -> ScoreJson:
    whole = ("presence", "visibility", "reviews", "associates", "factor", "evidence", "confidence")
    return {
        "person": name,
        "kind": score.kind.name.lower(),
        "as_of_ms": score.as_of_ms,
        **{field: getattr(score, field) for field in whole},
        "generosity": score.generosity,
        "events": events,
        "stale": score.stale,
        "pillars": {pillar: score.pillars[pillar] for pillar in PILLARS},
        "accounts": {
            account: {pillar: shares[pillar] for pillar in PILLARS}
            for account, shares in score.accounts.items()
        },
        "waterfall": [(key.name, *key.account, n) for key, n in waterfall(score).items()],
    }


def _flat(entries: Waterfall) -> dict[tuple[Any, ...], int]:
    return {(key.name, *key.account): millipoints for key, millipoints in entries.items()}


class Core:
    """The vectorised implementation of presence.model."""

    def __str__(self) -> str:
        return "core"

    def __init__(self) -> None:
        self.model = load()
        self.signals = {signal.code: name for name, signal in self.model.signals.items()}

    def empty(self) -> CoreState:
        return CoreState.empty()

    def fold(self, state: CoreState, events: Sequence[Event]) -> CoreState:
        return core_fold(state, frame(events), self.model).state

    def same(self, one: CoreState, other: CoreState) -> bool:
        return one.equals(other)

    def tables(self, state: CoreState) -> Tables:
        rows = {table: getattr(state, table).rows() for table in KEYS}
        gauges = {int(gauge): gauge.name for gauge in Gauge}
        return {
            "people": sorted(
                (name, True) if row[5] else (name, False, *row[:5], *row[6:]) for name, *row in rows["people"]
            ),
            "counts": sorted((*row[:3], self.signals[row[3]], *row[4:]) for row in rows["counts"] if row[3]),
            "gauges": sorted((*row[:3], gauges[row[3]], *row[4:]) for row in rows["gauges"]),
            "flags": sorted(rows["flags"]),
            "ledger": sorted(
                (name, number, True) if undone else (name, number, False, *_signal_named(self.signals, row))
                for name, number, *row, undone in rows["ledger"]
            ),
            "clock_ms": state.clock_ms,
            "watermarks": dict(state.watermarks),
        }

    def scores(self, state: CoreState, as_of_ms: int | None = None) -> dict[str, ScoreJson]:
        scores = core_evaluate(state, self.model, as_of_ms)
        told = {row["person"]: _core_json(row) for row in scores.people.iter_rows(named=True)}
        for person, network, account, *shares in scores.accounts.select(
            "person", "network", "account", *PILLARS
        ).iter_rows():
            told[person]["accounts"][network, account] = dict(zip(PILLARS, shares, strict=True))
        for person, *entry in scores.waterfall.iter_rows():
            told[person]["waterfall"].append(tuple(entry))
        return told

    def change(self, old: CoreState, new: CoreState, times_ms: tuple[int, int]) -> dict[str, Change]:
        entries = core_change(old, new, self.model, *times_ms)
        told = {name: Change({}, {}) for name in new.people["person"]}
        for person, cause, *entry, millipoints in entries.iter_rows():
            getattr(told[person], cause)[tuple(entry)] = millipoints
        return told

    def state_of(self, partition: Partition) -> CoreState:
        """The oracle's people as a state of the core, without ledgers: for states that no log makes."""
        people = partition.people.items()
        codes = {name: code for code, name in self.signals.items()}
        rows = {
            "people": [
                (name, *row[1:4], row[4], row[5], False, *row[6:])
                for name, person in people
                for row in [_person_row(person)]
            ],
            "counts": [
                (name, *row.account, codes[row.signal], row.slot, row.week, amount)
                for name, person in people
                for row, amount in person.counts.items()
            ],
            "gauges": [
                (name, *account, int(gauge), held.value, held.observed_ms, held.id)
                for name, person in people
                for (account, gauge), held in person.gauges.items()
            ],
        }
        empty = CoreState.empty()
        tables = {
            table: pl.DataFrame(told, schema=getattr(empty, table).schema, orient="row")
            for table, told in rows.items()
        }
        return replace(
            empty, clock_ms=partition.clock_ms, watermarks=partition.watermarks, **tables
        ).canonical()


def _signal_named(signals: Mapping[int, str], row: Sequence[Any]) -> tuple[Any, ...]:
    network, account, signal, *rest = row
    return (network, account, signals[signal], *rest)


def _core_json(row: Mapping[str, Any]) -> ScoreJson:
    pillars = {pillar: row[pillar] for pillar in PILLARS}
    kind = PersonKind(row["kind"]).name.lower()
    rest = {field: value for field, value in row.items() if field not in pillars}
    return {**rest, "kind": kind, "pillars": pillars, "accounts": {}, "waterfall": []}
