"""Property 7: waterfall and change add up to the millipoint, and every range holds whatever came in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence.events.vocabulary import Event
from tests.oracle.engines import ENGINES, Engine, ScoreJson
from tests.property.histories import HOSTILE_MOMENTS_MS, histories

MOMENTS = st.sampled_from(HOSTILE_MOMENTS_MS)
RANGES = {
    "presence": (0, 100_000),
    "visibility": (0, 100_000),
    "reviews": (-30_000, 30_000),
    "associates": (-10_000, 10_000),
    "factor": (50_000, 10**6),
    "evidence": (0, 2**62),
    "confidence": (0, 10**6),
    "generosity": (0, 10**6),
}


def assert_in_range(score: ScoreJson) -> None:
    for field, (low, high) in RANGES.items():
        assert low <= score[field] <= high, field
    shares = [share for account in score["accounts"].values() for share in account.values()]
    assert all(0 <= share <= 10**6 for share in [*score["pillars"].values(), *shares])


@pytest.mark.parametrize("engine", ENGINES, ids=str)
@given(events=histories(), as_of_ms=MOMENTS)
def test_the_waterfall_adds_up_to_the_score_and_every_range_holds(
    engine: Engine, events: list[Event], as_of_ms: int
) -> None:
    for score in engine.scores(engine.fold(engine.empty(), events), as_of_ms).values():
        assert_in_range(score)
        assert sum(entry[-1] for entry in score["waterfall"]) == score["presence"]
        assert all(entry[-1] for entry in score["waterfall"])


@pytest.mark.parametrize("engine", ENGINES, ids=str)
@given(events=histories(), split=st.integers(0, 40), moments=st.tuples(MOMENTS, MOMENTS).map(sorted))
def test_the_change_between_two_scores_adds_up(
    engine: Engine, events: list[Event], split: int, moments: list[int]
) -> None:
    old = engine.fold(engine.empty(), events[:split])
    new = engine.fold(old, events[split:])
    before, after = (engine.scores(state, at_ms) for state, at_ms in zip((old, new), moments, strict=True))
    changes = engine.change(old, new, (moments[0], moments[1]))
    for person, (decay, by_events) in changes.items():
        moved = sum(decay.values()) + sum(by_events.values())
        was = before[person]["presence"] if person in before else 0
        now = after[person]["presence"] if person in after else 0
        assert moved == now - was
