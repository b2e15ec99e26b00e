from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest

from presence.chaos.delivery import WINDOW, repeated, shuffled
from presence.chaos.story import Story
from presence.events import door
from presence.events.vocabulary import Event, Kind
from presence.log import codec

SEED = 5


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return list(Story(SEED, 20_000, 200, clock_jumps=True))


def test_every_event_passes_the_door_and_every_kind_comes(events: list[Event]) -> None:
    assert len([door.check(event) for event in events]) == 20_000
    assert {event.kind for event in events} == set(Kind) - {Kind.UNSPECIFIED}


def test_a_seed_gives_the_same_bytes(events: list[Event]) -> None:
    again = Story(SEED, 20_000, 200, clock_jumps=True)
    assert [codec.encode(event) for event in again] == [codec.encode(event) for event in events]
    assert list(Story(SEED + 1, 20_000, 200, clock_jumps=True)) != events


def test_acts_are_taken_back_before_and_after_they_come(events: list[Event]) -> None:
    place = {(event.person, event.id): at for at, event in enumerate(events) if event.kind == Kind.ACTIVITY}
    undone = [
        place[event.person, event.ref_id] - at
        for at, event in enumerate(events)
        if event.kind == Kind.UNDO and (event.person, event.ref_id) in place
    ]
    assert min(undone) < 0 < max(undone)


def test_an_act_has_an_id_of_its_own(events: list[Event]) -> None:
    ids = Counter((event.person, event.id) for event in events if event.kind == Kind.ACTIVITY)
    assert set(ids.values()) == {1}


def test_clocks_jump_back_and_ahead_only_if_they_shall(events: list[Event]) -> None:
    def steps(told: list[Event]) -> list[int]:
        times = [event.observed_ms for event in told]
        return [later - earlier for earlier, later in pairwise(times)]

    day_ms = 86_400_000
    assert min(steps(events)) < -day_ms
    assert max(steps(events)) > day_ms
    assert min(steps(list(Story(SEED, 2_000, 20)))) >= 0


@pytest.mark.parametrize("count", [0, 1, WINDOW - 1, WINDOW, 5 * WINDOW])
def test_shuffling_loses_and_adds_nothing(events: list[Event], count: int) -> None:
    some = events[:count]
    mixed = list(shuffled(some, SEED))
    assert Counter(map(codec.encode, mixed)) == Counter(map(codec.encode, some))
    assert mixed != some or count < 2


def test_what_comes_again_has_come_before_and_nothing_is_lost(events: list[Event]) -> None:
    def act(event: Event) -> bytes:
        return codec.encode(replace(event, observed_ms=1))

    told = list(repeated(events, 10, SEED))
    first = {act(event): event for event in reversed(told)}
    assert first == {act(event): event for event in reversed(events)}
    assert len(told) - len(events) > len(events) // 20
