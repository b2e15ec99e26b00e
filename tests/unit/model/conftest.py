"""Short ways to say what happened to a person, and to fold it."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from presence.events.vocabulary import Direction, Event, Kind, Object, Verb
from presence.model import spec
from presence.model.columns import frame
from presence.model.fold import fold
from presence.model.spec import Model
from presence.model.state import State

NOON_MS = 20_780 * 86_400_000 + 43_200_000
"""Noon of Monday 2026-11-23, the first day of a week."""

Make = Callable[..., Event]
Folding = Callable[[Iterable[Event]], State]


@pytest.fixture(scope="session")
def model() -> Model:
    return spec.load()


@pytest.fixture(scope="session")
def now_ms() -> int:
    return NOON_MS


@pytest.fixture(scope="session")
def record() -> Make:
    """A record of p_one on account 1 of linkedin, observed at noon."""

    def make(kind: Kind, number: int, /, **fields: Any) -> Event:
        told: dict[str, Any] = {
            "person": "p_one",
            "network": "linkedin",
            "account": 1,
            "observed_ms": NOON_MS,
        }
        return Event(**(told | {"kind": kind, "id": number} | fields))

    return make


@pytest.fixture(scope="session")
def act(record: Make) -> Make:
    """An article by p_one, this week, unless told otherwise."""

    def make(number: int, /, **fields: Any) -> Event:
        told: dict[str, Any] = {
            "direction": Direction.BY,
            "verb": Verb.CREATE,
            "object": Object.ARTICLE,
            "occurred_ms": NOON_MS,
            "magnitude": 1,
        }
        return record(Kind.ACTIVITY, number, **(told | fields))

    return make


@pytest.fixture(scope="session")
def like(act: Make) -> Make:
    """A like that p_one got from actor 7, unless told otherwise."""

    def make(number: int, /, **fields: Any) -> Event:
        told: dict[str, Any] = {
            "direction": Direction.TO,
            "verb": Verb.LIKE,
            "object": Object.NOTE,
            "actor": 7,
        }
        return act(number, **(told | fields))

    return make


@pytest.fixture(scope="session")
def folded(model: Model) -> Folding:
    return lambda events: fold(State.empty(), frame(events), model).state
