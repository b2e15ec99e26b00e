"""Property 4: an UNDO takes back exactly what its act added, before or after it, once only."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.oracle.engines import Engine
from tests.property.histories import BASE_MS, EVERYDAY, MOMENTS_MS, as_told_of, histories

from presence.events.vocabulary import Event, EventId, Kind, PersonId

NEVER_ENDED = {**EVERYDAY, Kind.WATERMARK: 2}
UNKNOWN_ID = EventId(2**64 - 5)
NEWEST = 5
"""Where a row of the table `people` says `newest`."""


def undo(person: str, ref_id: EventId) -> Event:
    return Event(kind=Kind.UNDO, person=PersonId(person), id=UNKNOWN_ID, ref_id=ref_id, observed_ms=BASE_MS)


def without_ledger_and_newest(engine: Engine, state: Any, person: str) -> Any:
    tables = engine.tables(state)
    of_person = {
        table: [row[1:] for row in tables[table] if row[0] == person]
        for table in ("people", "counts", "gauges", "flags")
    }
    of_person["people"] = [row[: NEWEST - 1] + row[NEWEST:] for row in of_person["people"]]
    return of_person


def score_of(scores: dict[str, Any], person: str) -> Any:
    return {key: value for key, value in scores[person].items() if key != "person"}


@given(
    events=histories(NEVER_ENDED, people=["p_kept"]),
    which=st.integers(0, 60),
    where=st.lists(st.integers(0, 60), min_size=1, max_size=3),
    as_of_ms=st.sampled_from(MOMENTS_MS),
)
def test_an_act_undone_anywhere_and_often_never_was_and_an_undo_of_nothing_is_harmless(
    engine: Engine, events: list[Event], which: int, where: list[int], as_of_ms: int
) -> None:
    enrolled = Event(kind=Kind.ENROLLED, person=PersonId("p_kept"), observed_ms=1)
    events = [enrolled, *events]
    taken_back = events[which % len(events)].id
    undone = as_told_of("p_undone", events)
    for place in where:
        undone.insert(place % (len(undone) + 1), undo("p_undone", taken_back))
    never = [event for event in events if event.kind != Kind.ACTIVITY or event.id != taken_back]

    harmless = [
        undo("p_harmless", UNKNOWN_ID),
        *as_told_of("p_harmless", never),
        undo("p_harmless", UNKNOWN_ID),
    ]

    state = engine.fold(engine.empty(), never + undone + harmless)
    scores = engine.scores(state, as_of_ms)
    for person in ("p_undone", "p_harmless"):
        assert without_ledger_and_newest(engine, state, person) == without_ledger_and_newest(
            engine, state, "p_kept"
        )
        assert score_of(scores, person) == score_of(scores, "p_kept")
