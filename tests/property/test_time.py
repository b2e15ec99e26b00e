"""Property 5: as days pass without events no pillar rises, and the conduct factor never falls."""

from hypothesis import given
from hypothesis import strategies as st
from tests.oracle.engines import Engine
from tests.property.histories import BASE_MS, DAY_MS, EVERYDAY, HOSTILE_MOMENTS_MS, histories

from presence.events.vocabulary import Event, Kind

FIRST_DAYS = st.integers(-10, 800).map(lambda day: BASE_MS + day * DAY_MS)
TIMES_MS = st.one_of(FIRST_DAYS, st.sampled_from(HOSTILE_MOMENTS_MS))


@given(
    events=histories({**EVERYDAY, Kind.FLAG: 20, Kind.WATERMARK: 2}),
    times_ms=st.tuples(TIMES_MS, TIMES_MS).map(sorted),
)
def test_as_days_pass_no_pillar_rises_and_the_conduct_factor_never_falls(
    engine: Engine, events: list[Event], times_ms: list[int]
) -> None:
    state = engine.fold(engine.empty(), events)
    sooner, later = (engine.scores(state, at_ms) for at_ms in times_ms)
    assert sooner.keys() == later.keys()
    for person, before in sooner.items():
        after = later[person]
        assert after["factor"] >= before["factor"]
        assert after["evidence"] <= before["evidence"]
        for pillar, share in before["pillars"].items():
            assert after["pillars"][pillar] <= share, pillar
