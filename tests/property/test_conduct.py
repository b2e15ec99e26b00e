"""Property 6: a severe flag leaves at most 10.1 % on the day it happened, and conduct never less than 5 %."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from tests.oracle.engines import Engine
from tests.property.histories import DAY_MS, EVERYDAY, MOMENTS_MS, as_told_of, histories

from presence.events.vocabulary import Event, EventId, Kind, PersonId, Severity

BLAMELESS = {**EVERYDAY, Kind.FLAG: 0}
SEVERITIES = st.lists(st.sampled_from([Severity.MINOR, Severity.SERIOUS, Severity.SEVERE]), max_size=6)


def flag(number: int, severity: Severity, day_ms: int, person: str = "p_flagged") -> Event:
    return Event(
        kind=Kind.FLAG,
        person=PersonId(person),
        id=EventId(number),
        ref_id=EventId(number),
        severity=severity,
        occurred_ms=day_ms,
        observed_ms=day_ms + DAY_MS - 1,
    )


@given(
    events=histories(BLAMELESS, people=["p_clean"]),
    others=SEVERITIES,
    as_of_ms=st.sampled_from(MOMENTS_MS),
    of_day_ms=st.integers(0, DAY_MS - 1),
)
def test_a_severe_flag_leaves_a_tenth_the_floor_is_a_twentieth_and_a_withdrawn_one_takes_nothing(
    engine: Engine, events: list[Event], others: list[Severity], as_of_ms: int, of_day_ms: int
) -> None:
    events = [Event(kind=Kind.ENROLLED, person=PersonId("p_clean"), observed_ms=1), *events]
    flags = [flag(n, severity, as_of_ms) for n, severity in enumerate([Severity.SEVERE, *others])]
    raised = flag(1, Severity.SEVERE, as_of_ms, "p_acquitted")
    withdrawn = replace(raised, id=EventId(0), withdrawn=True, observed_ms=raised.observed_ms + 1)
    people = [*events, *as_told_of("p_flagged", events), *as_told_of("p_acquitted", events)]
    state = engine.fold(engine.empty(), [*people, *flags, withdrawn, raised])
    scores = engine.scores(state, as_of_ms + of_day_ms)
    clean, flagged = scores["p_clean"]["presence"], scores["p_flagged"]["presence"]
    assert flagged * 1000 <= clean * 101
    assert flagged >= clean * 50_000 // 10**6
    assert scores["p_flagged"]["factor"] >= 50_000
    assert scores["p_flagged"]["pillars"] == scores["p_clean"]["pillars"]
    assert scores["p_acquitted"]["presence"] == clean
