"""A state that travels as bytes arrives as it was, and what if asks nothing of the ledger that stays behind."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from tests.property.histories import histories

from presence.events.vocabulary import Event
from presence.model import transfer
from presence.model.columns import frame
from presence.model.evaluate import evaluate
from presence.model.fold import fold
from presence.model.simulate import course
from presence.model.spec import load
from presence.model.state import State

MODEL = load()


@given(histories())
@settings(max_examples=200)
def test_every_state_arrives_as_it_was(history: Sequence[Event]) -> None:
    state = fold(State.empty(), frame(history), MODEL).state
    sent = transfer.encode(state)
    assert transfer.decode(sent).equals(state)
    assert transfer.encode(transfer.decode(sent)) == sent


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b'{"clock_ms": 1}', b"\xff"])
def test_what_is_no_state_is_refused(content: bytes) -> None:
    with pytest.raises(transfer.NoState):
        transfer.decode(content)


@given(histories(records_max=12))
@settings(max_examples=40)
def test_a_course_is_the_score_of_a_log_that_goes_on_with_its_events(history: Sequence[Event]) -> None:
    """Day by day: what had happened until then, and nothing of the days to come."""
    cut = len(history) // 2
    state = replace(fold(State.empty(), frame(history[:cut]), MODEL).state, watermarks={}, clock_ms=0)
    newest = state.people["newest_ms"].max()
    as_of_ms = newest if isinstance(newest, int) else 0
    days = (0, 30, 365)
    found = course(state, history[cut:], MODEL, as_of_ms, days)
    for day in days:
        at_ms = as_of_ms + day * 86_400_000
        known = [event for event in history[cut:] if event.occurred_ms <= at_ms]
        after = replace(fold(state, frame(known), MODEL).state, watermarks={})
        wanted = evaluate(after, MODEL, at_ms).people.select("person", "presence")
        assert found.filter(found["days"] == day).select("person", "presence").rows() == wanted.rows()
