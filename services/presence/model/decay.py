"""How what is past fades: exact tables of an exponential half-life."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ONE_BITS = 20
"""A fresh row weighs 2**20."""
HALVINGS = 20
"""After so many half-lives nothing is left."""
_DOUBT = 1e-6
"""Far above the error of a float64 power below 2**20, which is under 1e-8."""

Ints = NDArray[np.int64]


@lru_cache(maxsize=64)
def table(half_life_days: int) -> Ints:
    """What is left of 2**20 at each age in days: index 0 to `20 * half_life_days + 1`, the last entry 0.

    Entry `a` is the greatest integer d with `d**h <= 2**(20*h - a)` (scoring model, section 1). A float64
    power finds it wherever it is not next to an integer; there the inequality itself decides.

    >>> [int(d) for d in table(30)[[0, 30, 60, 601]]]
    [1048576, 524288, 262144, 0]
    """
    ages = np.arange(HALVINGS * half_life_days + 1)
    real = np.exp2(ONE_BITS - ages / half_life_days)
    whole = np.floor(real).astype(np.int64)
    fraction = real - whole
    for age in np.flatnonzero((fraction < _DOUBT) | (fraction > 1 - _DOUBT)):
        whole[age] = _greatest(round(float(real[age])), half_life_days, int(age))
    left = np.append(whole, 0)
    left.flags.writeable = False
    return left


def _greatest(near: int, half_life_days: int, age: int) -> int:
    bound = 1 << (HALVINGS * half_life_days - age)
    return near if near**half_life_days <= bound else near - 1
