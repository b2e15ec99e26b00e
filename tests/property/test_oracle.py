"""Property 8: the vectorised core and the plain oracle agree to the integer: state, score and reasons."""

from hypothesis import given
from hypothesis import strategies as st
from tests.oracle.engines import Core, Engine, Oracle
from tests.property.histories import HOSTILE_MOMENTS_MS, MOMENTS_MS, histories

from presence.events.vocabulary import Event

CORE: Engine = Core()
ORACLE: Engine = Oracle()


@given(events=histories(), as_of_ms=st.one_of(st.none(), st.sampled_from(HOSTILE_MOMENTS_MS)))
def test_core_and_oracle_agree_on_state_and_score(events: list[Event], as_of_ms: int | None) -> None:
    core, oracle = CORE.fold(CORE.empty(), events), ORACLE.fold(ORACLE.empty(), events)
    assert CORE.tables(core) == ORACLE.tables(oracle)
    assert CORE.scores(core, as_of_ms) == ORACLE.scores(oracle, as_of_ms)


@given(
    events=histories(),
    split=st.integers(0, 40),
    times_ms=st.tuples(st.sampled_from(MOMENTS_MS), st.sampled_from(MOMENTS_MS)),
)
def test_core_and_oracle_agree_on_a_second_batch_and_its_change(
    events: list[Event], split: int, times_ms: tuple[int, int]
) -> None:
    """An old state may also be met at an earlier time than its own: a replay looks back."""
    states = []
    for engine in (CORE, ORACLE):
        old = engine.fold(engine.empty(), events[:split])
        states.append((old, engine.fold(old, events[split:])))
    (core_old, core_new), (oracle_old, oracle_new) = states
    assert CORE.tables(core_new) == ORACLE.tables(oracle_new)
    assert CORE.change(core_old, core_new, times_ms) == ORACLE.change(oracle_old, oracle_new, times_ms)
