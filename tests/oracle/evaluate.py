"""Sections 4 and 5 of the page: from counts to account pillars, and accounts together."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from tests.oracle import page
from tests.oracle.fold import Account, Partition, Person
from tests.oracle.quantity import (
    age,
    clip,
    day,
    decay,
    decayed,
    ln1p,
    read,
    rint,
    sat,
    trunc_div,
    weigh,
)

from presence.events.vocabulary import Gauge, PersonKind

Shares = dict[str, int]
"""Per pillar (and `generosity`) a share in micro."""


@dataclass(frozen=True)
class Counted:
    """An account that counts for a pillar: the best of its network."""

    account: Account
    logarithm: int  # L


@dataclass(frozen=True)
class Score:
    """A person's score in the page's integers, and what the waterfall needs."""

    kind: PersonKind
    as_of_ms: int
    presence: int
    visibility: int
    pillars: Shares
    millipoints: dict[str, int]
    reviews: int
    associates: int
    factor: int
    evidence: int
    confidence: int
    generosity: int
    stale: list[str]
    accounts: dict[Account, Shares]
    counted: dict[str, list[Counted]]
    mean_stars: int  # m
    total: int  # base + reviews + associates, before it is clipped


class AccountHistory:
    """One account's counts and gauges, as seen on a day."""

    def __init__(self, person: Person, account: Account, as_of_day: int) -> None:
        self.numbers = page.NETWORKS.get(account.network, page.ANY_OTHER_NETWORK)
        self.as_of_day = as_of_day
        self.gauges = {gauge: held.value for (of, gauge), held in person.gauges.items() if of == account}
        # signal -> slot -> week -> amount
        self.amounts: dict[str, dict[int, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
        for row, amount in person.counts.items():
            if row.account == account:
                self.amounts[row.signal][row.slot][row.week] = read(amount)

    def rows(self) -> Iterable[tuple[str, int, int]]:
        for signal, slots in self.amounts.items():
            for weeks in slots.values():
                for w, amount in weeks.items():
                    yield signal, w, amount

    def authored(self, signal: str, half_life: int) -> int:
        """A(sig, h), micro-nats."""
        return sum(
            decayed(ln1p(min(n, page.AUTHORED_PER_WEEK_MAX) / 1000), half_life, age(w, self.as_of_day))
            for of, w, n in self.rows()
            if of == signal
        )

    def received(self, signal: str, half_life: int) -> int:
        """R(sig, h), micro-nats."""
        total = 0
        for weeks in self.amounts[signal].values():
            x = sum(decayed(ln1p(n / 1000), half_life, age(w, self.as_of_day)) for w, n in weeks.items())
            total += ln1p(x / 1e6)
        return total

    def saturated(self, pillar: page.Pillar) -> int:
        h = pillar.half_life_days
        raw = sum(weigh(w, self.authored(signal, h)) for w, signal in pillar.authored)
        raw += sum(weigh(w, self.received(signal, h)) for w, signal in pillar.received)
        return sat(raw, pillar.full_at or self.numbers.resonance_full_at)

    def reach(self) -> int:
        shown = self.gauges.get(Gauge.FOLLOWERS, 0) + self.gauges.get(Gauge.CONNECTIONS, 0)
        f = max(shown, sum(n for signal, _, n in self.rows() if signal == "FOLLOW") // 1000)
        full_at = self.numbers.reach_full_at
        ratio = np.log1p(np.float64(f)) / np.log1p(np.float64(full_at))
        return min(page.FULL, rint(1e6 * ratio))

    def upkeep(self) -> int:
        active = [w for signal, w, n in self.rows() if signal in page.UPKEEP_SIGNALS and n > 0]
        gauge = self.gauges.get(Gauge.PROFILE_COMPLETENESS)
        if gauge is None and not active:
            return 0
        completeness = page.COMPLETENESS_ABSENT if gauge is None else gauge * 10_000
        d = decay(page.UPKEEP_HALF_LIFE_DAYS, age(max(active), self.as_of_day)) if active else 0
        return completeness * (300 + ((700 * d) >> 20)) // 1000

    def generosity(self) -> int:
        h = page.GENEROSITY_HALF_LIFE_DAYS
        return sat(self.authored("APPRECIATION", h) + self.authored("COMMENT", h), page.GENEROSITY_FULL_AT)

    def shares(self) -> Shares:
        saturated = {name: self.saturated(pillar) for name, pillar in page.SATURATED.items()}
        return {
            **saturated,
            "reach": self.reach(),
            "upkeep": self.upkeep(),
            "generosity": self.generosity(),
        }

    def reviews(self) -> tuple[int, int]:
        """C and S: milli-reviews, and thousandths of a star times milli-reviews."""
        if Gauge.RATING_COUNT in self.gauges and Gauge.RATING_STARS in self.gauges:
            count = min(page.RATING_COUNT_MAX, self.gauges[Gauge.RATING_COUNT])
            return 1000 * count, 1000 * count * self.gauges[Gauge.RATING_STARS]
        return self._decayed_sum("REVIEW"), self._decayed_sum("REVIEW_STARS")

    def _decayed_sum(self, signal: str) -> int:
        h = page.REVIEWS_HALF_LIFE_DAYS
        return sum(decayed(n, h, age(w, self.as_of_day)) for of, w, n in self.rows() if of == signal)

    def evidence(self) -> int:
        """E, milli-events, row by row."""
        h = page.EVIDENCE_HALF_LIFE_DAYS
        return sum(
            (min(n, 1000) * decay(h, age(w, self.as_of_day))) >> 20
            for signal, w, n in self.rows()
            if signal not in {"VIEW", "REVIEW_STARS"}
        )


def logarithm(share: int, credibility: int) -> int:
    """L of a share and a credibility."""
    s = credibility * share // 1000
    if s == page.FULL:
        return page.L_MAX
    return min(page.L_MAX, rint(-1e6 * np.log1p(np.float64(-s / 1e6))))


def best_of_each_network(name: str, shares: Mapping[Account, Shares]) -> list[Counted]:
    best: dict[str, Account] = {}
    for account in sorted(shares):
        rival = best.get(account.network)
        if rival is None or shares[account][name] > shares[rival][name]:
            best[account.network] = account
    return [
        Counted(account, logarithm(shares[account][name], _credibility(network)))
        for network, account in sorted(best.items())
    ]


def _credibility(network: str) -> int:
    return page.NETWORKS.get(network, page.ANY_OTHER_NETWORK).credibility


def together(counted: list[Counted]) -> int:
    """P, micro."""
    return rint(-1e6 * np.expm1(np.float64(-sum(one.logarithm for one in counted) / 1e6)))


def reviews_mean(parts: Iterable[tuple[int, int]]) -> int:
    """m, thousandths of a star, of every account's C and S."""
    parts = list(parts)
    return (35_000_000 + sum(s for _, s in parts)) // (10_000 + sum(c for c, _ in parts))


def reviews_of(mean: int, up_to: int) -> int:
    return trunc_div(up_to * clip(mean - 3500, -1500, 1500), 1500)


def associates_of(person: Person, evidence: int) -> int:
    if person.associates is None:
        return 0
    mean, number = person.associates.value
    moved = trunc_div((mean - 50_000) * 10_000 * number, (20_000 + evidence) * (number + 10))
    return clip(moved, -10_000, 10_000)


def factor_of(person: Person, today: int) -> int:
    m = 0
    for held in person.flags.values():
        flag = held.value
        if not flag.withdrawn:
            days = max(0, today - day(flag.occurred_ms))
            m += (page.SEVERITY[flag.severity] * decay(page.CONDUCT_HALF_LIFE_DAYS, days)) >> 20
    return max(page.FACTOR_MIN, rint(1e6 * np.exp(np.float64(-m / 1e6))))


def evaluate(
    partition: Partition, name: str, as_of_ms: int | None = None, kind: PersonKind | None = None
) -> Score | None:
    """The score of one person, None for an erased one. Without `as_of_ms`, of the newest we know."""
    person = partition.people[name]
    if person.erased:
        return None
    as_of_ms = max(person.newest_ms, partition.clock_ms) if as_of_ms is None else as_of_ms
    kind = kind or (person.kind.value if person.kind else PersonKind.PERSON)
    numbers = page.BUSINESS if kind == PersonKind.BUSINESS else page.PERSON
    today = day(as_of_ms)
    complete_day = {network: day(ms) for network, ms in partition.watermarks.items()}

    histories = {
        account: AccountHistory(person, account, min(today, complete_day.get(account.network, today)))
        for account in person.accounts()
    }
    shares = {account: history.shares() for account, history in histories.items()}
    counted = {pillar: best_of_each_network(pillar, shares) for pillar in page.PILLARS}
    pillars = {pillar: together(accounts) for pillar, accounts in counted.items()}
    millipoints = {pillar: (numbers.percent[pillar] * p + 500) // 1000 for pillar, p in pillars.items()}
    evidence = sum(history.evidence() for history in histories.values())
    mean = reviews_mean(history.reviews() for history in histories.values())
    reviews = reviews_of(mean, numbers.reviews_up_to)
    associates = associates_of(person, evidence)
    factor = factor_of(person, today)
    total = sum(millipoints.values()) + reviews + associates
    return Score(
        kind=kind,
        as_of_ms=as_of_ms,
        presence=clip(total, 0, 100_000) * factor // 10**6,
        visibility=(4 * pillars["reach"] + 4 * pillars["resonance"] + 2 * pillars["voice"]) // 100,
        pillars=pillars,
        millipoints=millipoints,
        reviews=reviews,
        associates=associates,
        factor=factor,
        evidence=evidence,
        confidence=10**6 * evidence // (evidence + 20_000),
        generosity=together(best_of_each_network("generosity", shares)),
        stale=sorted({a.network for a in histories if complete_day.get(a.network, today) < today}),
        accounts=shares,
        counted=counted,
        mean_stars=mean,
        total=total,
    )
