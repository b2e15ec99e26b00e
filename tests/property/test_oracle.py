"""Property 8: the vectorised core and the plain oracle agree to the integer: state, score and reasons."""

from hypothesis import given
from hypothesis import strategies as st

from presence.events.vocabulary import Event
from tests.oracle.engines import Core, Oracle
from tests.property.histories import HOSTILE_MOMENTS_MS, histories

CORE, ORACLE = Core(), Oracle()


@given(events=histories(), as_of_ms=st.one_of(st.none(), st.sampled_from(HOSTILE_MOMENTS_MS)))
def test_core_and_oracle_agree_on_state_and_score(events: list[Event], as_of_ms: int | None) -> None:
    core, oracle = CORE.fold(CORE.empty(), events), ORACLE.fold(ORACLE.empty(), events)
    assert CORE.tables(core) == ORACLE.tables(oracle)
    assert CORE.scores(core, as_of_ms) == ORACLE.scores(oracle, as_of_ms)
