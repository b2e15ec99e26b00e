"""How a story reaches the log when its way is bad: out of order, and some of it more than once. Pure."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace

from presence.events.vocabulary import Event

WINDOW = 1_000
"""An event may come so many events late."""
REMEMBERED_MAX = 20_000
"""What may come again is one of so many events."""


def shuffled(events: Iterable[Event], seed: int) -> Iterator[Event]:
    """The same events, each up to about WINDOW places from where it was."""
    chance = random.Random(seed)  # noqa: S311 (repeatable, not secret)
    waiting: list[Event] = []
    for event in events:
        waiting.append(event)
        if len(waiting) == WINDOW:
            yield _taken(waiting, chance)
    while waiting:
        yield _taken(waiting, chance)


def repeated(events: Iterable[Event], percent: int, seed: int) -> Iterator[Event]:
    """The events and, after so many in a hundred, one of those before once more; seen again now, or as it was."""
    chance = random.Random(seed)  # noqa: S311 (repeatable, not secret)
    past: list[Event] = []
    for event in events:
        yield event
        if len(past) < REMEMBERED_MAX:
            past.append(event)
        else:
            past[chance.randrange(REMEMBERED_MAX)] = event
        if chance.random() * 100 < percent:
            again = chance.choice(past)
            yield replace(again, observed_ms=event.observed_ms) if chance.random() < 0.5 else again


def _taken(waiting: list[Event], chance: random.Random) -> Event:
    at = chance.randrange(len(waiting))
    waiting[at], waiting[-1] = waiting[-1], waiting[at]
    return waiting.pop()
