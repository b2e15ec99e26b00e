"""The functions of the scoring model's sections 1 and 4: logarithm, saturation, age; on whole arrays."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
DAY_MS = 86_400_000
MICRO = 1_000_000


def ln1p(value: NDArray[np.float64]) -> Ints:
    """`log1p` in micro-nats.

    >>> ln1p(np.array([0.0, 1.0, 1e6])).tolist()
    [0, 693147, 13815512]
    """
    return np.rint(1e6 * np.log1p(value)).astype(np.int64)


def saturation(nats_micro: Ints, full_at: Ints | int) -> Ints:
    """The share (micro) that a sum in micro-nats is worth: its root, full at `full_at` nats.

    `floor(sqrt(min(10**12, 10**6 * x // full_at)))`; x is cut where it is full, which gives the same and
    keeps the product below 10**18.

    >>> saturation(np.array([0, 10_000_000, 40_000_000, 2**60]), 40).tolist()
    [0, 500000, 1000000, 1000000]
    """
    cut = np.minimum(nats_micro, MICRO * full_at)
    return np.floor(np.sqrt(MICRO * cut // full_at)).astype(np.int64)


def weigh(weight: int, value: Ints) -> Ints:
    """`weight` in thousandths; floors."""
    return np.asarray(weight * value // 1000)


def truncated(numerator: Ints, denominator: Ints | int) -> Ints:
    """The quotient of integers, towards 0; the denominator is positive."""
    whole = np.abs(numerator) // denominator
    return np.asarray(np.sign(numerator) * whole)


def week_age(day: Ints, week: Ints) -> Ints:
    """Days from the middle of a week to a day; 0 for what lies ahead."""
    return np.asarray(np.maximum(0, day - (7 * week + 7)))
