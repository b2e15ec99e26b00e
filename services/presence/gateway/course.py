"""What if, by the scoring model itself: the course of a score with hypothetical events, from the state of one person.

Imported when somebody asks for it: the model's libraries take memory that most gateways can do without.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import polars as pl

from presence.events.vocabulary import PersonId
from presence.gateway.hypothetical import Act, events
from presence.gateway.simulate import Finding
from presence.model import simulate, transfer
from presence.model.columns import frame
from presence.model.explain import change
from presence.model.fold import fold
from presence.model.spec import Model
from presence.model.state import EVENTS_CODE, State
from presence.v1.score_pb2 import WaterfallEntry
from presence.v1.service_pb2 import SimulatedDay


class Course(NamedTuple):
    """The days of the curve, and what each reason gains or loses on the day of the last event."""

    curve: list[SimulatedDay]
    entries: list[WaterfallEntry]


def course(
    serialised: bytes,
    person: PersonId,
    wanted: tuple[Sequence[Act], Sequence[Finding]],
    rules: Model,
    days: Sequence[int],
) -> Course:
    """The course of the score of `person` over `days`, which rise from 0.

    Raises NoState if `serialised` is not a state.
    """
    # That sources lag is no reason for a score to stand still in a future that is made up.
    state = replace(transfer.decode(serialised), watermarks={})
    as_of_ms = max(state.clock_ms, *state.people["newest_ms"])
    taken = frozenset(state.flags["ref_id"])
    asked = events(person, as_of_ms, wanted, _accounts(state), taken)
    with_them = simulate.course(state, asked, rules, as_of_ms, days)
    otherwise = simulate.decline(state, rules, as_of_ms, days)
    curve = [
        SimulatedDay(
            in_days=day,
            presence_millipoints=presence,
            conduct_factor_micro=factor,
            otherwise_millipoints=without,
        )
        for day, presence, factor, without in zip(
            with_them["days"], with_them["presence"], with_them["factor"], otherwise["presence"], strict=True
        )
    ]
    last_ms = max(event.occurred_ms for event in asked)
    after = fold(state, frame(asked), rules).state
    return Course(curve, _entries(change(state, after, rules, last_ms, last_ms)))


def _accounts(state: State) -> dict[str, int]:
    """By network the account on which most is counted."""
    totals = state.counts.filter(pl.col("signal") == EVENTS_CODE).sort("amount", "account")
    return dict(zip(totals["network"], totals["account"], strict=True))


def _entries(found: pl.DataFrame) -> list[WaterfallEntry]:
    rows = found.group_by("entry", "network", "account").agg(pl.col("millipoints").sum())
    entries = [WaterfallEntry(**row) for row in rows.to_dicts() if row["millipoints"]]
    return sorted(entries, key=lambda row: (-abs(row.millipoints), row.entry, row.network, row.account))
