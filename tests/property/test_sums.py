"""Property 7: waterfall and change add up to the millipoint, and every range holds whatever came in."""

from hypothesis import given
from hypothesis import strategies as st
from tests.oracle.engines import Engine, ScoreJson
from tests.property.histories import HOSTILE_MOMENTS_MS, histories

from presence.events.vocabulary import Event

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


@given(events=histories(), split=st.integers(0, 40), moments=st.tuples(MOMENTS, MOMENTS).map(sorted))
def test_waterfall_and_change_add_up_and_every_range_holds(
    engine: Engine, events: list[Event], split: int, moments: list[int]
) -> None:
    old = engine.fold(engine.empty(), events[:split])
    new = engine.fold(old, events[split:])
    before, after = (engine.scores(state, at_ms) for state, at_ms in zip((old, new), moments, strict=True))
    for score in [*before.values(), *after.values()]:
        assert_in_range(score)
        assert sum(entry[-1] for entry in score["waterfall"]) == score["presence"]
        assert all(entry[-1] for entry in score["waterfall"])
    for person, change in engine.change(old, new, (moments[0], moments[1])).items():
        was, now = (scores[person]["presence"] if person in scores else 0 for scores in (before, after))
        assert sum(change.decay.values()) + sum(change.events.values()) == now - was
