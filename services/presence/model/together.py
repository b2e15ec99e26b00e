"""Accounts put together: section 5 of the scoring model, per pillar."""

from dataclasses import dataclass

import numpy as np

from presence.model import runs
from presence.model.accounts import Accounts
from presence.model.runs import Index, Ints
from presence.model.spec import Model


@dataclass(frozen=True)
class Together:
    """One pillar of everybody.

    share: micro, by person; counted: the accounts that count, best of each network; log: what each of them
    weighs, in micro-nats.
    """

    share: Ints
    counted: Index
    log: Ints


@dataclass(frozen=True)
class Joiner:
    """Puts the accounts of `size` people together; made once for all pillars."""

    accounts: Accounts
    credibility: Ints
    log_max: int
    size: int

    @classmethod
    def of(cls, accounts: Accounts, size: int, model: Model) -> "Joiner":
        credibility = accounts.spread([model.network(name).credibility for name in accounts.networks])
        return cls(accounts, credibility, model.account_log_max, size)

    def join(self, shares: Ints) -> Together:
        """Best account of each network (ties: the smaller number), then the complement of what is missing."""
        counted = self._best(shares)
        scaled = self.credibility[counted] * shares[counted] // 1000
        log = self._logarithm(scaled)
        total = np.bincount(self.accounts.person[counted], log, self.size)
        return Together(np.rint(-1e6 * np.expm1(-total / 1e6)).astype(np.int64), counted, log)

    def _best(self, shares: Ints) -> Index:
        begins = runs.starts(self.accounts.person, self.accounts.network)
        if len(begins) == len(shares):
            return begins
        group = np.repeat(np.arange(len(begins)), runs.lengths(begins, len(shares)))
        best = np.flatnonzero(shares == np.maximum.reduceat(shares, begins)[group])
        return best[runs.starts(group[best])]

    def _logarithm(self, scaled: Ints) -> Ints:
        full = scaled == 10**6
        log = np.rint(-1e6 * np.log1p(np.where(full, 0, -scaled) / 1e6)).astype(np.int64)
        return np.where(full, self.log_max, np.minimum(self.log_max, log))


def portions(points: Ints, person: Index, together: Together) -> Ints:
    """What each counted account has of its person's `points`: in proportion to `log`, by largest remainder.

    `person` names the person of each counted account. Ties go to the smaller key. Adds up exactly.
    """
    begins = runs.starts(person)
    sizes = runs.lengths(begins, len(person))
    total = np.repeat(runs.sums(together.log, begins), sizes)
    whole = np.maximum(total, 1)
    share, rest = np.divmod(points[person] * together.log, whole)
    missing = np.repeat(points[person[begins]] - runs.sums(share, begins), sizes)
    several = np.flatnonzero(missing > 0)
    order = several[np.lexsort((several, -rest[several], person[several]))]
    begins = runs.starts(person[order])
    rank = np.arange(len(order)) - np.repeat(begins, runs.lengths(begins, len(order)))
    share[order] += rank < missing[order]
    return share
