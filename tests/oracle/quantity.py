"""Section 1 of the page: units and functions, one number at a time, in exact integers."""

from functools import cache

import numpy as np
from tests.oracle.page import AMOUNT_MAX, DAY_MS, FIRST_MONDAY_MS, WEEK_MS


def day(t_ms: int) -> int:
    return t_ms // DAY_MS


def week(t_ms: int) -> int:
    """Weeks start on Monday."""
    return (t_ms - FIRST_MONDAY_MS) // WEEK_MS


def age(w: int, as_of_day: int) -> int:
    """Days from the middle of week `w`, never below 0."""
    return max(0, as_of_day - (7 * w + 7))


def read(amount: int) -> int:
    """An amount as the page reads it: at most 2**42, at least 0."""
    return max(0, min(AMOUNT_MAX, amount))


@cache
def decay(half_life: int, days: int) -> int:
    """`D(h, a)`: the greatest integer d with `d**h <= 2**(20*h - a)`; 2**20 is one.

    >>> decay(30, 0), decay(30, 30), decay(30, 600), decay(30, 601)
    (1048576, 524288, 1, 0)
    """
    if days > 20 * half_life:
        return 0
    bound = 2 ** (20 * half_life - days)
    low, high = 1, 2**20
    while low < high:
        middle = (low + high + 1) // 2
        if middle**half_life <= bound:
            low = middle
        else:
            high = middle - 1
    return low


def decayed(x: int, half_life: int, days: int) -> int:
    return (decay(half_life, days) * x) >> 20


def rint(x: np.float64) -> int:
    """The nearest integer, ties to even."""
    return int(np.rint(x))


def ln1p(v: float) -> int:
    """The natural logarithm of 1 + v in micro-nats.

    >>> ln1p(1.0)
    693147
    """
    return rint(1e6 * np.log1p(np.float64(v)))


def sat(x: int, full_at: int) -> int:
    """The share in micro that `x` micro-nats are, full at `full_at` nats.

    >>> sat(10_000_000, 40), sat(10**12, 40)
    (500000, 1000000)
    """
    return int(np.floor(np.sqrt(np.float64(min(10**12, 10**6 * x // full_at)))))


def weigh(w: int, x: int) -> int:
    return (w * x) // 1000


def trunc_div(numerator: int, denominator: int) -> int:
    """The quotient, towards 0.

    >>> trunc_div(-7, 2), trunc_div(7, 2)
    (-3, 3)
    """
    quotient = abs(numerator) // denominator
    return quotient if numerator >= 0 else -quotient


def clip(x: int, low: int, high: int) -> int:
    return max(low, min(high, x))
