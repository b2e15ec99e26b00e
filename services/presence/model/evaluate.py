"""From state to scores: a pure function of state, model, time and watermarks, over all people at once."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from presence.events.vocabulary import Gauge, PersonKind, Severity
from presence.model import decay, frames, runs, waterfall
from presence.model.accounts import Accounts, accounts, positions
from presence.model.measures import DAY_MS, MICRO, truncated
from presence.model.reviews import mean_stars
from presence.model.runs import Index, Ints
from presence.model.shares import Rows, mask, rows, shares
from presence.model.spec import PILLARS, Model
from presence.model.state import State
from presence.model.together import Joiner, Together

PRESENCE_MAX = 100_000


@dataclass(frozen=True)
class Scores:
    """Scores of people, in the units of the scoring model, and why they are what they are.

    people: person, kind, as_of_ms; presence, visibility, reviews, associates in millipoints; pillars,
    factor, confidence and generosity in micro; evidence in thousandths of an event; events; stale
    networks. accounts: shares of each account, micro. waterfall: entries of a person add up to presence.
    All sorted by person; the waterfall by pillar and account, then reviews, associates, clip, conduct.
    """

    people: pl.DataFrame
    accounts: pl.DataFrame
    waterfall: pl.DataFrame


def evaluate(state: State, model: Model, as_of_ms: int | None = None) -> Scores:
    """The scores of everybody in `state` who is not erased.

    `as_of_ms` None: for each person the greater of their newest record and the clock. The state is
    canonical; it may be partial. Raises InvariantBroken where it is not sorted.
    """
    basis = _basis(state, model, as_of_ms)
    people, as_of, known, share = basis.people, basis.as_of, basis.known, basis.share
    joined, whole, points = basis.joined, basis.whole, basis.points
    columns = {
        "presence": np.sum([*points.values()], axis=0),
        "visibility": _visibility({name: joined[name].share for name in PILLARS}, model),
        **{name: joined[name].share for name in PILLARS},
        "reviews": points["reviews"],
        "associates": points["associates"],
        "factor": whole["factor"],
        "evidence": whole["evidence"],
        "confidence": MICRO * whole["evidence"] // (whole["evidence"] + model.evidence.half_confidence),
        "generosity": joined["generosity"].share,
    }
    return Scores(
        people=frames.put(
            frames.only(people, ("person", "kind")),
            pl.Series("as_of_ms", as_of),
            *(pl.Series(name, values) for name, values in columns.items()),
            people["events"],
            _stale(known, as_of // DAY_MS, len(people)),
        ),
        accounts=_account_frame(people["person"], known, share),
        waterfall=waterfall.frame(people["person"], known, joined, points),
    )


def presence_of(state: State, model: Model) -> tuple[pl.Series, Ints]:
    """Who is in `state` and not erased, and `presence` of each, as `evaluate` gives it, at a third less."""
    basis = _basis(state, model, None)
    return basis.people["person"], np.sum([*basis.points.values()], axis=0)


@dataclass(frozen=True)
class _Basis:
    """What scores are put together from: see `evaluate`. share and joined: by pillar; points: by entry."""

    people: pl.DataFrame
    as_of: Ints
    known: Accounts
    share: Mapping[str, Ints]
    joined: Mapping[str, Together]
    whole: Mapping[str, Ints]
    points: Mapping[str, Ints]


def _basis(state: State, model: Model, as_of_ms: int | None) -> _Basis:
    people = frames.kept(state.people, ~state.people["erased"].to_numpy())
    newest = np.maximum(people["newest_ms"].to_numpy(), state.clock_ms)
    as_of = newest if as_of_ms is None else np.full(len(people), as_of_ms)
    known = accounts(state, people["person"], as_of // DAY_MS)
    every = rows(state, known, model)
    gauges = _gauges(state, known)
    share = shares(every, gauges, known, model)
    joiner = Joiner.of(known, len(people), model)
    joined = {name: joiner.join(values) for name, values in share.items()}
    whole = {
        "evidence": _evidence(every, known, len(people), model),
        "stars": mean_stars(every, gauges, known, len(people), model),
        "factor": _factor(state, people["person"], as_of // DAY_MS, model),
    }
    points = _points({name: joined[name].share for name in PILLARS}, whole, people, model)
    return _Basis(people, as_of, known, share, joined, whole, points)


def _gauges(state: State, accounts: Accounts) -> dict[Gauge, Ints]:
    """By gauge the value of each account, -1 where it has none."""
    gauge, value = state.gauges["gauge"].to_numpy(), state.gauges["value"].to_numpy()
    found = {name: np.full(len(accounts), -1) for name in Gauge if name}
    for name, values in found.items():
        own = np.flatnonzero(gauge == name)
        values[accounts.of_gauges[own]] = value[own]
    return found


def _evidence(rows: Rows, accounts: Accounts, size: int, model: Model) -> Ints:
    """How much was seen lately, by person."""
    spec = model.evidence
    table = decay.table(spec.half_life_days)
    left = table[np.minimum(rows.age, len(table) - 1)]
    seen = np.minimum(rows.amount, spec.row_max) * left >> decay.ONE_BITS
    seen[mask(model, spec.without)[rows.signal]] = 0
    person = accounts.person[rows.account]
    begins = runs.starts(person)
    evidence = np.zeros(size, dtype=np.int64)
    evidence[person[begins]] = runs.sums(seen, begins)
    return evidence


def _factor(state: State, people: pl.Series, day: Ints, model: Model) -> Ints:
    """What open flags leave of each score, micro."""
    spec = model.conduct
    weights = np.zeros(len(Severity), dtype=np.int64)
    weights[[Severity.MINOR, Severity.SERIOUS, Severity.SEVERE]] = spec.minor, spec.serious, spec.severe
    flags = frames.kept(state.flags, ~state.flags["withdrawn"].to_numpy())
    person = positions(flags["person"], people)
    table = decay.table(spec.half_life_days)
    age = np.maximum(0, day[person] - flags["occurred_ms"].to_numpy() // DAY_MS)
    left = table[np.minimum(age, len(table) - 1)]
    each = weights[flags["severity"].to_numpy()] * left >> decay.ONE_BITS
    burden = np.bincount(person, each, len(people))
    return np.maximum(spec.factor_min, np.rint(1e6 * np.exp(-burden / 1e6)).astype(np.int64))


def _points(
    pillars: Mapping[str, Ints], whole: Mapping[str, Ints], people: pl.DataFrame, model: Model
) -> dict[str, Ints]:
    """The entries of each person's waterfall, in its order, with pillars not yet shared among accounts."""
    business = people["kind"].to_numpy() == PersonKind.BUSINESS
    kinds = model.kinds
    points = {}
    for name in PILLARS:
        percent = (getattr(kind.percent, name) for kind in (kinds.business, kinds.person))
        points[name] = (np.where(business, *percent) * pillars[name] + 500) // 1000
    span = model.reviews.stars_span
    off = np.clip(whole["stars"] - model.reviews.prior_stars, -span, span)
    reviews_max = np.where(business, kinds.business.reviews_max, kinds.person.reviews_max)
    points["reviews"] = truncated(reviews_max * off, span)
    points["associates"] = _associates(people, whole["evidence"], model)
    raw = np.sum([*points.values()], axis=0)
    cut = np.clip(raw, 0, PRESENCE_MAX)
    points["clip"] = cut - raw
    points["conduct"] = cut * whole["factor"] // MICRO - cut
    return points


def _associates(people: pl.DataFrame, evidence: Ints, model: Model) -> Ints:
    """What the company that a person keeps adds, millipoints."""
    spec = model.associates
    mean, number = people["associates_mean"].to_numpy(), people["associates_number"].to_numpy()
    gained = truncated(
        (mean - spec.mean_neutral) * spec.gain * number,
        (spec.evidence_prior + evidence) * (number + spec.number_prior),
    )
    return np.clip(gained, -spec.millipoints_max, spec.millipoints_max)


def _visibility(pillars: Mapping[str, Ints], model: Model) -> Ints:
    spec = model.visibility
    tenths = [getattr(spec, name) * pillars[name] for name in spec.__struct_fields__]
    return np.asarray(sum(tenths) // 100)


def _stale(accounts: Accounts, day: Ints, size: int) -> pl.Series:
    """By person the networks that stand still, sorted."""
    still = np.flatnonzero(accounts.day < day[accounts.person])
    still = still[runs.starts(accounts.person[still], accounts.network[still])]
    moving = np.bincount(accounts.person[still], minlength=size) == 0
    networks = _names(accounts, accounts.network[still])
    lists = pl.Series("stale", [[]], dtype=pl.List(pl.String))
    if len(still):
        own = pl.DataFrame({"person": accounts.person[still], "stale": networks})
        lists = pl.concat([lists, own.group_by("person", maintain_order=True).all()["stale"]])
    return frames.taken(lists, np.where(moving, 0, np.cumsum(~moving)))


def _account_frame(people: pl.Series, accounts: Accounts, share: Mapping[str, Ints]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person": frames.taken(people, accounts.person),
            "network": _names(accounts, accounts.network),
            "account": accounts.number,
            **{name: share[name] for name in PILLARS},
        }
    )


def _names(accounts: Accounts, networks: Index) -> pl.Series:
    return frames.taken(pl.Series(accounts.networks, dtype=pl.String), networks)
