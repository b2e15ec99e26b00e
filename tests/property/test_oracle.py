"""Property 8: the vectorised core and the plain oracle agree to the integer: state, score and reasons."""

from hypothesis import given
from hypothesis import strategies as st
from tests.oracle.engines import Core, Engine, Oracle
from tests.property.histories import BASE_MS, HOSTILE_MOMENTS_MS, MOMENTS_MS, RECORDS_MAX, histories

from presence.events.vocabulary import Event

CORE: Engine = Core()
ORACLE: Engine = Oracle()


@given(
    events=histories(),
    split=st.integers(0, RECORDS_MAX),
    as_of_ms=st.one_of(st.none(), st.sampled_from(HOSTILE_MOMENTS_MS)),
    earlier_ms=st.sampled_from(MOMENTS_MS),
)
def test_core_and_oracle_agree_on_state_score_and_change(
    events: list[Event], split: int, as_of_ms: int | None, earlier_ms: int
) -> None:
    """In two batches; the first may also be met at a later time than the second: a replay looks back."""
    told = []
    for engine in (CORE, ORACLE):
        old = engine.fold(engine.empty(), events[:split])
        new = engine.fold(old, events[split:])
        times_ms = earlier_ms, BASE_MS if as_of_ms is None else as_of_ms
        told.append((engine.tables(new), engine.scores(new, as_of_ms), engine.change(old, new, times_ms)))
    core, oracle = told
    assert core == oracle
