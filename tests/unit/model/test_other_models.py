"""Models of other numbers: what presence-1 never shows, since its numbers happen to be kind."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import polars as pl
from msgspec.structs import replace as but

from presence.events.vocabulary import Direction, Event, Gauge, Kind, Object, Verb
from presence.model.evaluate import Scores, evaluate
from presence.model.spec import Model
from presence.model.state import State

Make = Callable[..., Event]
Folding = Callable[[Iterable[Event]], State]
DAY_MS = 86_400_000


def only(scores: Scores) -> dict[str, Any]:
    (row,) = scores.people.iter_rows(named=True)
    return row


def test_a_pillar_without_signals_is_empty(act: Make, folded: Folding, model: Model) -> None:
    pillars = but(model.pillars, voice=but(model.pillars.voice, weights={}))
    scores = evaluate(folded([act(1)]), but(model, pillars=pillars))
    assert scores.accounts["voice"].to_list() == [0]
    assert scores.accounts["expertise"].to_list() == [101_966]


def test_after_twenty_half_lives_a_large_row_is_no_evidence(
    act: Make, folded: Folding, model: Model, now_ms: int
) -> None:
    generous = but(model, evidence=but(model.evidence, row_max=10**9, half_life_days=1))
    state = folded([act(1, magnitude=10_000)])
    middle_ms = now_ms + 3 * DAY_MS
    left = [
        only(evaluate(state, generous, middle_ms + days * DAY_MS))["evidence"] for days in (0, 20, 21, 22)
    ]
    assert left == [10**7, 10**7 >> 20, 0, 0]


def test_after_twenty_half_lives_a_million_reviews_say_nothing(
    act: Make, folded: Folding, model: Model, now_ms: int
) -> None:
    quick = but(model, reviews=but(model.reviews, half_life_days=1))
    seen = act(1, verb=Verb.REVIEW, direction=Direction.TO, object=Object.PAGE, rating=5_000, actor=7)
    state = folded([seen])
    stars = pl.when(pl.col("amount") == 5_000_000).then(5_000 * 10**9).when(pl.col("signal") > 0).then(10**9)
    many = replace(state, counts=state.counts.with_columns(amount=stars.otherwise(1)))
    middle_ms = now_ms + 3 * DAY_MS
    left = [only(evaluate(many, quick, middle_ms + days * DAY_MS))["reviews"] for days in (0, 20, 21)]
    assert left[0] > left[1] > 0
    assert left[2] == 0


def test_points_are_rounded_at_the_half(record: Make, folded: Folding, model: Model) -> None:
    """A model of odd percents; among five thousand shares are some that are just below a half."""
    odd = but(model.kinds.person.percent, reach=11, resonance=29)
    person = but(model.kinds.person, percent=odd)
    uneven = but(model, kinds=but(model.kinds, person=person))
    many = [record(Kind.GAUGE, n, person=f"p_{n}", gauge=Gauge.FOLLOWERS, value=n) for n in range(1, 5_001)]
    scores = evaluate(folded(many), uneven).people
    assert {11 * reach % 1000 for reach in scores["reach"]} >= {499, 500}
    assert scores["presence"].to_list() == [(11 * reach + 500) // 1000 for reach in scores["reach"]]


def test_what_is_above_a_hundred_points_or_the_span_of_stars_is_cut(
    record: Make, folded: Folding, model: Model
) -> None:
    percent = but(model.kinds.person.percent, reach=100)
    kinds = but(model.kinds, person=but(model.kinds.person, percent=percent))
    narrow = but(model, kinds=kinds, reviews=but(model.reviews, stars_span=1_000))
    gauges = {Gauge.FOLLOWERS: 10**9, Gauge.RATING_STARS: 5_000, Gauge.RATING_COUNT: 10**6}
    state = folded(
        record(Kind.GAUGE, n, gauge=gauge, value=value) for n, (gauge, value) in enumerate(gauges.items())
    )
    scores = evaluate(state, narrow)
    assert scores.waterfall.drop("person").rows() == [
        ("reach", "linkedin", 1, 100_000),
        ("reviews", "", 0, 10_000),
        ("clip", "", 0, -10_000),
    ]
    assert only(scores)["presence"] == 100_000
