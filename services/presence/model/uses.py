"""How pillars use signals: the model's weights and half-lives as arrays by signal code."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from presence.model import decay
from presence.model.signals import CODES
from presence.model.spec import Model

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Lane:
    """Up to one half-life of each signal, so that one pass over the rows serves many pillars.

    use: the column that a signal's sum goes to, -1 for none; limit: the last index of its decay table;
    offset: where that table begins in `table`.
    """

    use: Ints
    offset: Ints
    limit: Ints
    table: Ints


@dataclass(frozen=True)
class Uses:
    """`lanes` to pass the rows through; by pillar the (column, weight) whose weighed sum is its raw value."""

    lanes: tuple[Lane, ...]
    columns: int
    pillars: dict[str, list[tuple[int, int]]]


@lru_cache(maxsize=8)
def uses(model: Model) -> Uses:
    """The uses of a model: one column of each signal and half-life that any pillar has."""
    column: dict[tuple[int, int], int] = {}
    pillars: dict[str, list[tuple[int, int]]] = {}
    for name, pillar in model.pillars.items():
        pillars[name] = [
            (column.setdefault((model.code(signal), pillar.half_life_days), len(column)), weight)
            for signal, weight in pillar.weights.items()
        ]
    lanes: list[dict[int, tuple[int, int]]] = []
    for (code, half_life), number in column.items():
        free = next((lane for lane in lanes if code not in lane), None)
        if free is None:
            lanes.append(free := {})
        free[code] = (half_life, number)
    return Uses(tuple(_lane(lane) for lane in lanes), len(column), pillars)


def _lane(signals: dict[int, tuple[int, int]]) -> Lane:
    half_lives = sorted({half_life for half_life, _ in signals.values()})
    tables = [decay.table(half_life) for half_life in half_lives]
    begins = dict(zip(half_lives, np.cumsum([0, *map(len, tables)]).tolist(), strict=False))
    use, offset, limit = np.full(CODES, -1), np.zeros(CODES, dtype=np.int64), np.zeros(CODES, dtype=np.int64)
    for code, (half_life, number) in signals.items():
        use[code], offset[code] = number, begins[half_life]
        limit[code] = len(decay.table(half_life)) - 1
    return Lane(use, offset, limit, np.concatenate(tables))
