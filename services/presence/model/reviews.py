"""What reviews add or take: section 5 of the scoring model."""

import numpy as np

from presence.events.vocabulary import Gauge
from presence.model import decay, runs
from presence.model.accounts import Accounts
from presence.model.runs import Ints
from presence.model.shares import Rows
from presence.model.spec import Model

EXACT_MAX = 2.0**62
"""Sums that stay below this, as float64 estimates them, are exact in int64."""


def mean_stars(rows: Rows, gauges: dict[Gauge, Ints], accounts: Accounts, size: int, model: Model) -> Ints:
    """The mean of each person's reviews together with the prior, in thousandths of a star.

    An account's own reviews fade; where the network shows stars and their number, those stand instead.
    Without a review it is the prior's mean.
    """
    spec = model.reviews
    count = _faded(rows, model.code(spec.signal), accounts, spec.half_life_days)
    stars = _faded(rows, model.code(spec.stars_signal), accounts, spec.half_life_days)
    shown_stars, shown_count = gauges[Gauge.RATING_STARS], gauges[Gauge.RATING_COUNT]
    shown = (shown_stars >= 0) & (shown_count >= 0)
    told = 1000 * np.minimum(shown_count, spec.rating_count_max)
    count = _by_person(np.where(shown, told, count), accounts, size)
    stars = _by_person(np.where(shown, told * shown_stars, stars), accounts, size)
    prior = spec.prior_count * spec.prior_stars
    return np.asarray((prior + stars) // (spec.prior_count + count), dtype=np.int64)


def _faded(rows: Rows, code: int, accounts: Accounts, half_life_days: int) -> Ints:
    """The decayed amount of one signal by account."""
    own = rows.of(np.flatnonzero(rows.signal == code))
    table = decay.table(half_life_days)
    amounts = own.amount * table[np.minimum(own.age, len(table) - 1)] >> decay.ONE_BITS
    begins = runs.starts(own.account)
    faded = np.zeros(len(accounts), dtype=np.int64)
    faded[own.account[begins]] = runs.sums(amounts, begins)
    return faded


def _by_person(values: Ints, accounts: Accounts, size: int) -> Ints:
    """Sums by person; in Python's unbounded integers where thousands of accounts do not fit into 64 bits."""
    begins = runs.starts(accounts.person)
    fits = float(np.sum(np.abs(values), dtype=np.float64)) < EXACT_MAX
    exact = values if fits else values.astype(object)
    total = np.zeros(size, dtype=exact.dtype)
    total[accounts.person[begins]] = runs.sums(exact, begins)
    return total
