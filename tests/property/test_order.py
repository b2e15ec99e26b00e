"""Property 1: any permutation, batching or repetition of the same records gives the same state and score."""

import random
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from tests.oracle.engines import Engine
from tests.property.histories import EVERYDAY, FOR_EVERYBODY, histories

from presence.events.vocabulary import Event

SEEDS = st.integers(0, 2**32)


def fold_in_batches(engine: Engine, events: Sequence[Event], chance: random.Random) -> object:
    """The state after `events`, folded in one to five batches cut by chance, empty ones included."""
    cuts = sorted(chance.randrange(len(events) + 1) for _ in range(chance.randrange(5)))
    state = engine.empty()
    for start, end in zip([0, *cuts], [*cuts, len(events)], strict=True):
        state = engine.fold(state, events[start:end])
    return state


@given(events=histories({**EVERYDAY, **FOR_EVERYBODY}), seed=SEEDS)
def test_any_order_batching_and_repetition_gives_the_same_state_and_score(
    engine: Engine, events: list[Event], seed: int
) -> None:
    chance = random.Random(seed)
    scrambled = events + [event for event in events if chance.randrange(3) == 0]
    chance.shuffle(scrambled)
    straight = engine.fold(engine.empty(), events)
    other = fold_in_batches(engine, scrambled, chance)
    assert engine.tables(other) == engine.tables(straight)
    assert engine.same(other, straight)
    assert engine.scores(other) == engine.scores(straight)


@given(events=histories(), seed=SEEDS)
def test_any_batching_in_log_order_gives_the_same_state_with_unlinking_and_erasure(
    engine: Engine, events: list[Event], seed: int
) -> None:
    chance = random.Random(seed)
    stuttered = [event for event in events for _ in range(1 + (chance.randrange(4) == 0))]
    straight = engine.fold(engine.empty(), events)
    other = fold_in_batches(engine, stuttered, chance)
    assert engine.tables(other) == engine.tables(straight)
    assert engine.same(other, straight)
