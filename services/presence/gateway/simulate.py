"""What findings about conduct would do to a published score: section 5 of the scoring model, with the rest held as it is.

A published score says what findings leave of it, and not which they are. All of them fade with one half-life, so their
sum fades with it, too; and the sum is what the factor is made of. So the way back follows from the score alone, but for
rounding, and but for somebody at the lowest factor there is: of them the least that can be open is taken.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from presence.events.vocabulary import Severity
from presence.model import decay
from presence.model.spec import Conduct

MICRO = 1_000_000


class Finding(NamedTuple):
    """A hypothetical finding, so many days after the day of the score."""

    severity: Severity
    in_days: int


class Point(NamedTuple):
    """One day of the curve: millipoints, and what findings leave of the score, micro."""

    in_days: int
    presence: int
    factor: int


def curve(
    unharmed: int, factor: int, conduct: Conduct, findings: Sequence[Finding], days: Sequence[int]
) -> list[Point]:
    """The score on each of `days`, of somebody with `unharmed` millipoints without findings and `factor` with theirs.

    >>> from presence.model.spec import load
    >>> severe = [Finding(Severity.SEVERE, 0)]
    >>> [point.presence for point in curve(50_000, MICRO, load().conduct, severe, (0, 90, 1801))]
    [5012, 15831, 50000]
    """
    table = decay.table(conduct.half_life_days)
    weights = {
        Severity.MINOR: conduct.minor,
        Severity.SERIOUS: conduct.serious,
        Severity.SEVERE: conduct.severe,
    }
    open_now = burden(factor)

    def left(amount: int, age: int) -> int:
        return amount * int(table[min(age, len(table) - 1)]) >> decay.ONE_BITS

    points = []
    for day in days:
        total = left(open_now, day)
        total += sum(
            left(weights[each.severity], day - each.in_days) for each in findings if each.in_days <= day
        )
        leaves = max(conduct.factor_min, round(MICRO * math.exp(-total / MICRO)))
        points.append(Point(day, unharmed * leaves // MICRO, leaves))
    return points


def burden(factor: int) -> int:
    """The sum of findings, in micro-nats, that leaves `factor` micro of a score: exact to what rounding hides."""
    return round(-MICRO * math.log(factor / MICRO))
