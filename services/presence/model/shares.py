"""From count rows to the shares of each account: section 4 of the scoring model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from presence.events.vocabulary import Gauge
from presence.model import decay, runs
from presence.model.accounts import Accounts
from presence.model.measures import MICRO, ln1p, saturation, week_age, weigh
from presence.model.runs import Ints
from presence.model.signals import CODES
from presence.model.spec import Model
from presence.model.state import EVENTS_CODE, State
from presence.model.uses import Lane, uses

_NO_WEEK = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Rows:
    """The count rows as arrays: account, signal code, slot, amount (read, thousandths) and age in days."""

    account: NDArray[np.intp]
    signal: NDArray[np.uint8]
    slot: NDArray[np.uint8]
    week: Ints
    amount: Ints
    age: Ints

    def of(self, chosen: NDArray[np.generic]) -> "Rows":
        return Rows(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def rows(state: State, accounts: Accounts, model: Model) -> Rows:
    """The rows of the state that belong to signals."""
    week = state.counts["week"].to_numpy().astype(np.int64)
    every = Rows(
        account=accounts.of_counts,
        signal=state.counts["signal"].to_numpy(),
        slot=state.counts["slot"].to_numpy(),
        week=week,
        amount=np.clip(state.counts["amount"].to_numpy(), 0, model.amount_max),
        age=week_age(accounts.day[accounts.of_counts], week),
    )
    return every.of(every.signal != EVENTS_CODE)


def mask(model: Model, signals: list[str]) -> NDArray[np.bool_]:
    """By signal code: whether it is one of these."""
    chosen = np.zeros(CODES, dtype=np.bool_)
    chosen[[model.code(name) for name in signals]] = True
    return chosen


def shares(rows: Rows, gauges: dict[Gauge, Ints], accounts: Accounts, model: Model) -> dict[str, Ints]:
    """The share (micro) of each account in every pillar, and in generosity.

    `gauges` holds -1 where an account lacks one.
    """
    sums = _sums(rows, len(accounts), model)
    networks = [model.network(name) for name in accounts.networks]
    resonance_full_at = accounts.spread([network.resonance_full_at for network in networks])
    found = {}
    for name, pillar in model.pillars.items():
        parts = [weigh(weight, sums[column]) for column, weight in uses(model).pillars[name]]
        full_at = resonance_full_at if pillar.full_at is None else pillar.full_at
        found[name] = saturation(sum(parts, _nothing(accounts)), full_at)
    found["reach"] = _reach(rows, gauges, accounts, model)
    found["upkeep"] = _upkeep(rows, gauges, accounts, model)
    return found


def _nothing(accounts: Accounts) -> Ints:
    return np.zeros(len(accounts), dtype=np.int64)


def _sums(rows: Rows, size: int, model: Model) -> Ints:
    """By use and account: A of authored signals, R of received ones, in micro-nats."""
    weekly = mask(model, [name for name, signal in model.signals.items() if signal.saturates_per == "week"])
    read = np.where(weekly[rows.signal], np.minimum(rows.amount, model.week_amount_max), rows.amount)
    nats = ln1p(read / 1000)
    sums = np.zeros((uses(model).columns, size), dtype=np.int64)
    for lane in uses(model).lanes:
        chosen = np.flatnonzero(lane.use[rows.signal] >= 0)
        _pass(rows.of(chosen), nats[chosen], lane, weekly, sums)
    return sums


def _pass(rows: Rows, nats: Ints, lane: Lane, weekly: NDArray[np.bool_], sums: Ints) -> None:
    """Decay the rows of one lane, add them up by slot, saturate received slots, add up by signal."""
    left = lane.table[lane.offset[rows.signal] + np.minimum(rows.age, lane.limit[rows.signal])]
    begins = runs.starts(rows.account, rows.signal, rows.slot)
    slots = runs.sums(left * nats >> decay.ONE_BITS, begins)
    account, signal = rows.account[begins], rows.signal[begins]
    slots = np.where(weekly[signal], slots, ln1p(slots / 1e6))
    begins = runs.starts(account, signal)
    sums[lane.use[signal[begins]], account[begins]] = runs.sums(slots, begins)


def _reach(rows: Rows, gauges: dict[Gauge, Ints], accounts: Accounts, model: Model) -> Ints:
    follows = rows.of(rows.signal == model.code(model.reach.signal))
    begins = runs.starts(follows.account)
    seen = _nothing(accounts)
    seen[follows.account[begins]] = runs.sums(follows.amount, begins) // 1000
    told = sum(np.maximum(gauges[Gauge[name]], 0) for name in model.reach.gauges)
    full_at = accounts.spread([model.network(name).reach_full_at for name in accounts.networks])
    ratio = np.log1p(np.maximum(told, seen)) / np.log1p(full_at)
    return np.minimum(MICRO, np.rint(1e6 * ratio).astype(np.int64))


def _upkeep(rows: Rows, gauges: dict[Gauge, Ints], accounts: Accounts, model: Model) -> Ints:
    spec = model.upkeep
    kept = rows.of(mask(model, spec.signals)[rows.signal] & (rows.amount > 0))
    begins = runs.starts(kept.account)
    newest = np.full(len(accounts), _NO_WEEK)
    if len(begins):
        newest[kept.account[begins]] = np.maximum.reduceat(kept.week, begins)
    known = newest != _NO_WEEK
    table = decay.table(spec.half_life_days)
    age = week_age(accounts.day, np.where(known, newest, 0))
    left = np.where(known, table[np.minimum(age, len(table) - 1)], 0)
    gauge = gauges[Gauge.PROFILE_COMPLETENESS]
    completeness = 10_000 * np.where(gauge >= 0, gauge, spec.completeness_default)
    fresh = spec.stale_thousandths + (spec.fresh_thousandths * left >> decay.ONE_BITS)
    return np.where(known | (gauge >= 0), completeness * fresh // 1000, 0)
