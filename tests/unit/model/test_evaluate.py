"""Known values: the page's formulas worked by hand, in Python's integers and math."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import expm1, isqrt, log1p
from typing import Any

import polars as pl
import pytest

from presence.events.errors import InvariantBroken
from presence.events.vocabulary import Direction, Event, Gauge, Kind, Object, PersonKind, Severity, Verb
from presence.model.evaluate import Scores, evaluate
from presence.model.spec import PILLARS, Model
from presence.model.state import State
from presence.model.waterfall import WATERFALL

Make = Callable[..., Event]
Folding = Callable[[Iterable[Event]], State]
DAY_MS = 86_400_000


def only(scores: Scores) -> dict[str, Any]:
    (row,) = scores.people.iter_rows(named=True)
    return row


def fall(scores: Scores) -> list[tuple[str, str, int, int]]:
    return scores.waterfall.select("entry", "network", "account", "millipoints").rows()


def together(*logs: int) -> int:
    return round(-1e6 * expm1(-sum(logs) / 1e6))


def test_one_article_today(act: Make, folded: Folding, model: Model) -> None:
    scores = evaluate(folded([act(1)]), model)
    voice = isqrt(10**6 * (2000 * 693_147 // 1000) // 40)
    expertise = isqrt(10**6 * (3000 * 693_147 // 1000) // 200)
    share = scores.accounts.row(0, named=True)
    assert (share["voice"], share["expertise"]) == (voice, expertise) == (186_164, 101_966)
    assert share["upkeep"] == 500_000
    row = only(scores)
    logs = [round(-1e6 * log1p(-one / 1e6)) for one in (voice, expertise)]
    assert (row["voice"], row["expertise"]) == tuple(together(log) for log in logs)
    assert fall(scores) == [
        ("expertise", "linkedin", 1, (25 * row["expertise"] + 500) // 1000),
        ("voice", "linkedin", 1, (15 * row["voice"] + 500) // 1000),
        ("upkeep", "linkedin", 1, 5_000),
    ]
    assert row["presence"] == 2_549 + 2_792 + 5_000
    assert row["evidence"] == 1000
    assert row["confidence"] == 10**6 * 1000 // 21_000
    assert row["visibility"] == 2 * row["voice"] // 100


def test_one_half_life_later_half_is_left(act: Make, folded: Folding, model: Model, now_ms: int) -> None:
    middle_ms = now_ms + 3 * DAY_MS
    scores = evaluate(folded([act(1)]), model, middle_ms + 30 * DAY_MS)
    half = 693_147 * 2**19 >> 20
    assert scores.accounts["voice"].to_list() == [isqrt(10**6 * (2 * half) // 40)]


def test_authored_acts_stop_counting_at_twenty_a_week(act: Make, folded: Folding, model: Model) -> None:
    twenty, hundred = (evaluate(folded([act(1, magnitude=n)]), model) for n in (20, 100))
    assert twenty.accounts.equals(hundred.accounts)
    assert not twenty.accounts.equals(evaluate(folded([act(1, magnitude=19)]), model).accounts)


def test_amounts_are_read_between_nothing_and_the_models_greatest(
    act: Make, folded: Folding, model: Model
) -> None:
    """A store may hold any amount, and no week bounds what is received."""
    state = folded([act(1, verb=Verb.MESSAGE, direction=Direction.TO, object=Object.UNSPECIFIED, actor=7)])

    def inbound(amount: int) -> int:
        counts = state.counts.with_columns(amount=pl.lit(amount, pl.Int64))
        return int(only(evaluate(replace(state, counts=counts), model))["inbound"])

    assert inbound(-5_000) == inbound(0) == 0 < inbound(1_000)
    assert inbound(2**50) == inbound(model.amount_max) > inbound(model.amount_max // 2)


def test_received_acts_are_saturated_by_slot(like: Make, folded: Folding, model: Model) -> None:
    same = evaluate(folded([like(n, actor=7) for n in (1, 2)]), model)
    other = evaluate(folded([like(n, actor=n) for n in (1, 2)]), model)
    in_one_slot = round(1e6 * log1p(round(1e6 * log1p(2)) / 1e6))
    in_two = 2 * round(1e6 * log1p(693_147 / 1e6))
    assert same.accounts["resonance"].to_list() == [isqrt(10**6 * in_one_slot // 400)]
    assert other.accounts["resonance"].to_list() == [isqrt(10**6 * in_two // 400)]


@pytest.mark.parametrize(
    ("network", "full_at", "credibility"),
    [("x", 1_000_000, 900), ("linkedin", 30_000, 1000), ("yelp", 1_000, 800), ("orkut", 50_000, 700)],
)
def test_reach_is_the_networks(
    record: Make, folded: Folding, model: Model, *, network: str, full_at: int, credibility: int
) -> None:
    gauges = [
        record(Kind.GAUGE, 1, network=network, gauge=Gauge.FOLLOWERS, value=300),
        record(Kind.GAUGE, 2, network=network, gauge=Gauge.CONNECTIONS, value=200),
    ]
    scores = evaluate(folded(gauges), model)
    share = round(1e6 * (log1p(500) / log1p(full_at)))
    assert scores.accounts["reach"].to_list() == [share]
    assert only(scores)["reach"] == together(round(-1e6 * log1p(-(credibility * share // 1000) / 1e6)))


def test_follows_count_as_reach_where_no_gauge_says_more(
    like: Make, record: Make, folded: Folding, model: Model
) -> None:
    follows = [like(n, verb=Verb.FOLLOW, actor=n, magnitude=10) for n in range(1, 11)]
    seen = evaluate(folded(follows), model).accounts["reach"].to_list()
    told = record(Kind.GAUGE, 99, gauge=Gauge.FOLLOWERS, value=100)
    assert seen == evaluate(folded([told]), model).accounts["reach"].to_list()
    more = record(Kind.GAUGE, 99, gauge=Gauge.FOLLOWERS, value=101)
    assert evaluate(folded([*follows, more]), model).accounts["reach"].to_list() > seen


def test_a_full_account_of_full_credibility_is_full(record: Make, folded: Folding, model: Model) -> None:
    scores = evaluate(folded([record(Kind.GAUGE, 1, gauge=Gauge.FOLLOWERS, value=10**12)]), model)
    assert scores.accounts["reach"].to_list() == [1_000_000]
    assert only(scores)["reach"] == 1_000_000


def test_upkeep_needs_a_gauge_or_an_act(record: Make, act: Make, folded: Folding, model: Model) -> None:
    half = record(Kind.GAUGE, 1, gauge=Gauge.PROFILE_COMPLETENESS, value=50)
    other = record(Kind.GAUGE, 2, gauge=Gauge.FOLLOWERS, value=50)
    assert evaluate(folded([half]), model).accounts["upkeep"].to_list() == [150_000]
    assert evaluate(folded([half, act(3)]), model).accounts["upkeep"].to_list() == [500_000]
    assert evaluate(folded([other]), model).accounts["upkeep"].to_list() == [0]


def test_only_the_best_account_of_a_network_counts_and_ties_go_to_the_smaller(
    act: Make, folded: Folding, model: Model
) -> None:
    accounts = [act(1, account=2**63), act(2, account=3), act(3, account=2**64 - 1)]
    scores = evaluate(folded(accounts), model)
    assert only(scores)["presence"] == only(evaluate(folded([act(2, account=3)]), model))["presence"]
    assert {account for _, _, account, _ in fall(scores)} == {3}
    assert scores.accounts["account"].to_list() == [3, 2**63, 2**64 - 1]


def test_networks_add_up_as_what_is_missing_shrinks(act: Make, folded: Folding, model: Model) -> None:
    events = [act(1), act(2, network="blog", account=9)]
    scores = evaluate(folded(events), model)
    share = 101_966
    logs = [round(-1e6 * log1p(-(c * share // 1000) / 1e6)) for c in (900, 1000)]
    assert only(scores)["expertise"] == together(*logs)
    points = (25 * together(*logs) + 500) // 1000
    parts = [n for entry, _, _, n in fall(scores) if entry == "expertise"]
    assert sum(parts) == points
    assert abs(parts[0] * logs[1] - parts[1] * logs[0]) <= sum(logs)
    assert [network for entry, network, _, _ in fall(scores) if entry == "expertise"] == ["blog", "linkedin"]


@pytest.mark.parametrize(("kind", "reviews"), [(PersonKind.PERSON, 3_750), (PersonKind.BUSINESS, 11_250)])
def test_reviews_meet_the_prior(
    like: Make, record: Make, folded: Folding, model: Model, *, kind: PersonKind, reviews: int
) -> None:
    """Six reviews of five stars: (10 * 3.5 + 6 * 5) / 16 = 4.0625, 0.562 above the prior's 3.5."""
    events = [like(n, verb=Verb.REVIEW, rating=5000, magnitude=0) for n in range(1, 7)]
    scores = evaluate(folded([record(Kind.ENROLLED, 99, person_kind=kind), *events]), model)
    up_to = 10_000 if kind == PersonKind.PERSON else 30_000
    mean = (35_000_000 + 30_000_000) // 16_000
    assert mean == 4062
    assert only(scores)["reviews"] == up_to * 562 // 1500 != reviews


def test_what_a_network_shows_of_reviews_stands_for_its_own(
    like: Make, record: Make, folded: Folding, model: Model
) -> None:
    own = like(1, verb=Verb.REVIEW, rating=1000)
    shown = [
        record(Kind.GAUGE, 2, gauge=Gauge.RATING_STARS, value=4_400),
        record(Kind.GAUGE, 3, gauge=Gauge.RATING_COUNT, value=300),
    ]
    mean = (35_000_000 + 1000 * 300 * 4_400) // 310_000
    assert only(evaluate(folded([own, *shown]), model))["reviews"] == 10_000 * (mean - 3500) // 1500
    assert only(evaluate(folded([own, shown[0]]), model))["reviews"] == -1 * (10_000 * (3500 - 3272) // 1500)


def test_what_a_network_shows_stands_for_the_reviews_that_were_seen(
    act: Make, record: Make, folded: Folding, model: Model
) -> None:
    def reviews(*shown: tuple[int, Gauge, int]) -> int:
        gauges = [record(Kind.GAUGE, number, gauge=gauge, value=value) for number, gauge, value in shown]
        return int(only(evaluate(folded([seen, *gauges]), model))["reviews"])

    seen = act(1, verb=Verb.REVIEW, direction=Direction.TO, object=Object.PAGE, rating=5_000, actor=7)
    stars, ten, none = (2, Gauge.RATING_STARS, 1_500), (3, Gauge.RATING_COUNT, 10), (3, Gauge.RATING_COUNT, 0)
    assert reviews() == reviews(stars) == reviews(ten) > 0
    assert reviews(stars, ten) == -10_000 * 1_000 // 1_500 + 1
    assert reviews(stars, none) == 0


def test_a_mean_a_hair_below_the_neutral_one_is_below_it_whatever_the_number(
    record: Make, folded: Folding, model: Model
) -> None:
    """Sums beyond 64 bits, of which a float would lose the one review that decides."""
    shown = [(3_500, 10**9)] * 2_998 + [(3_499, 10**9), (3_501, 10**9 - 1)]
    gauges = [
        record(Kind.GAUGE, 2 * n + part, account=n, gauge=gauge, value=value)
        for n, pair in enumerate(shown)
        for part, (gauge, value) in enumerate(
            zip((Gauge.RATING_STARS, Gauge.RATING_COUNT), pair, strict=True)
        )
    ]
    assert only(evaluate(folded(gauges), model))["reviews"] == -(10_000 // 1_500)


def test_bad_reviews_pull_down_towards_zero_and_clip_says_so(
    record: Make, folded: Folding, model: Model
) -> None:
    shown = [
        record(Kind.GAUGE, 2, gauge=Gauge.RATING_STARS, value=1_000),
        record(Kind.GAUGE, 3, gauge=Gauge.RATING_COUNT, value=10**12),
    ]
    scores = evaluate(folded(shown), model)
    assert only(scores)["presence"] == 0
    assert fall(scores) == [("reviews", "", 0, -10_000), ("clip", "", 0, 10_000)]


def test_associates_pull_by_their_number_and_less_the_better_one_is_known(
    act: Make, record: Make, folded: Folding, model: Model
) -> None:
    def associates(mean: int, number: int, *events: Event) -> int:
        told = record(Kind.ASSOCIATES, 500, mean=mean, number=number)
        return int(only(evaluate(folded([told, *events]), model))["associates"])

    assert associates(60_000, 10) == 10_000 * 10_000 * 10 // (20_000 * 20)
    assert associates(40_000, 10) == -2_500
    assert associates(49_999, 1) == 0
    assert associates(100_000, 10**6) == 10_000
    assert associates(0, 10**6) == -10_000
    assert associates(60_000, 10, act(1)) == 10_000 * 10_000 * 10 // (21_000 * 20)


@pytest.mark.parametrize(
    ("severities", "factor"),
    [
        ([Severity.MINOR], 904_837),
        ([Severity.SERIOUS], 496_585),
        ([Severity.SEVERE], 100_259),
        ([Severity.SEVERE, Severity.SERIOUS], 50_000),
    ],
)
def test_open_flags_multiply(
    record: Make, folded: Folding, model: Model, now_ms: int, *, severities: list[Severity], factor: int
) -> None:
    flags = [
        record(Kind.FLAG, 1 + n, ref_id=n, severity=severity, occurred_ms=now_ms)
        for n, severity in enumerate(severities)
    ]
    completeness = record(Kind.GAUGE, 99, gauge=Gauge.PROFILE_COMPLETENESS, value=100)
    scores = evaluate(folded([completeness, *flags]), model)
    row = only(scores)
    assert row["factor"] == factor
    assert row["presence"] == 3_000 * factor // 10**6
    assert fall(scores)[-1] == ("conduct", "", 0, row["presence"] - 3_000)
    later = only(evaluate(folded([completeness, *flags]), model, now_ms + 1900 * DAY_MS))
    assert later["factor"] == 1_000_000


def test_a_withdrawn_flag_is_none(record: Make, folded: Folding, model: Model, now_ms: int) -> None:
    flag = record(Kind.FLAG, 1, ref_id=5, severity=Severity.SEVERE, occurred_ms=now_ms, withdrawn=True)
    assert only(evaluate(folded([flag]), model))["factor"] == 1_000_000


def test_a_network_whose_source_is_down_stands_still_and_is_stale(
    act: Make, folded: Folding, model: Model, now_ms: int
) -> None:
    both = folded([act(1), act(2, network="blog")])
    held = replace(both, watermarks={"blog": now_ms + DAY_MS - 43_200_000, "linkedin": now_ms + 900 * DAY_MS})
    later = evaluate(held, model, now_ms + 60 * DAY_MS)
    today = evaluate(both, model, now_ms)
    assert only(later)["stale"] == ["blog"]
    assert only(today)["stale"] == []
    of = {
        name: scores.accounts.filter(pl.col("network") == name) for name in ("blog",) for scores in (today,)
    }
    assert later.accounts.filter(pl.col("network") == "blog").equals(of["blog"])
    assert later.accounts.filter(pl.col("network") == "linkedin")["voice"].item() < 186_164
    beyond = evaluate(replace(both, watermarks={"blog": now_ms}), model, now_ms + 10)
    assert only(beyond)["stale"] == []


def test_without_a_time_it_is_the_newest_record_or_the_clock(
    act: Make, folded: Folding, model: Model, now_ms: int
) -> None:
    state = folded([act(1), act(2, person="p_two", observed_ms=now_ms + 9)])
    assert evaluate(state, model).people["as_of_ms"].to_list() == [now_ms, now_ms + 9]
    ticked = replace(state, clock_ms=now_ms + 5)
    assert evaluate(ticked, model).people["as_of_ms"].to_list() == [now_ms + 5, now_ms + 9]
    assert evaluate(ticked, model, 7).people["as_of_ms"].to_list() == [7, 7]


def test_generosity_is_reported_and_not_added(act: Make, folded: Folding, model: Model) -> None:
    given = [
        act(1, verb=Verb.LIKE, object=Object.NOTE),
        act(2, object=Object.NOTE, in_reply_to_other=True),
    ]
    scores = evaluate(folded(given), model)
    share = isqrt(10**6 * (2 * 693_147) // 40)
    assert only(scores)["generosity"] == together(round(-1e6 * log1p(-share / 1e6)))
    assert "generosity" not in scores.waterfall["entry"]


def test_views_are_no_evidence_and_a_row_is_at_most_one_event(
    like: Make, folded: Folding, model: Model
) -> None:
    viewed = [like(n, verb=Verb.VIEW, direction=Direction.TO, actor=n) for n in range(1, 9)]
    scores = evaluate(folded([*viewed, like(50, magnitude=1000)]), model)
    assert only(scores)["evidence"] == 1000
    assert only(scores)["events"] == 9


def test_scores_are_integers_also_of_nobody(act: Make, folded: Folding, model: Model) -> None:
    names = (
        "visibility",
        *PILLARS,
        "reviews",
        "associates",
        "factor",
        "evidence",
        "confidence",
        "generosity",
    )
    people = {
        "person": pl.String,
        "kind": pl.UInt8,
        **dict.fromkeys(("as_of_ms", "presence", *names, "events"), pl.Int64),
        "stale": pl.List(pl.String),
    }
    accounts = {
        "person": pl.String,
        "network": pl.String,
        "account": pl.UInt64,
        **dict.fromkeys(PILLARS, pl.Int64),
    }
    for state in (State.empty(), folded([act(1)])):
        scores = evaluate(state, model)
        assert dict(scores.people.schema) == people
        assert dict(scores.accounts.schema) == accounts
        assert dict(scores.waterfall.schema) == dict(WATERFALL)


def test_the_erased_have_no_score_and_the_unheard_of_a_score_of_nothing(
    act: Make, record: Make, folded: Folding, model: Model
) -> None:
    state = folded(
        [
            act(1),
            record(Kind.ERASED, 2),
            record(Kind.ENROLLED, 3, person="p_two", person_kind=PersonKind.PERSON),
        ]
    )
    scores = evaluate(state, model)
    assert scores.people["person"].to_list() == ["p_two"]
    assert only(scores)["presence"] == 0
    assert scores.waterfall.is_empty()
    assert evaluate(State.empty(), model).people.is_empty()


def test_a_state_that_is_not_sorted_is_refused(act: Make, folded: Folding, model: Model) -> None:
    state = folded([act(1, person="p_a"), act(2, person="p_b"), act(3, person="p_c")])
    why = "^the state is not sorted by person, or has rows of nobody$"
    with pytest.raises(InvariantBroken, match=why):
        evaluate(replace(state, counts=state.counts.reverse()), model)
    with pytest.raises(InvariantBroken, match=why):
        evaluate(replace(state, people=state.people.slice(1)), model)
    shuffled = replace(state, counts=state.counts.reverse(), people=state.people.reverse())
    assert evaluate(shuffled.canonical(), model).people.equals(evaluate(state, model).people)


def test_evaluating_many_is_evaluating_each(act: Make, like: Make, folded: Folding, model: Model) -> None:
    events = [act(n, person=f"p_{n % 7}", network=("x", "blog")[n % 2], account=n % 3) for n in range(100)]
    events += [like(1000 + n, person=f"p_{n % 5}", actor=n + 1) for n in range(200)]
    everybody = evaluate(folded(events), model, 1_800_000_000_000)
    for person in everybody.people["person"]:
        alone = evaluate(
            folded([event for event in events if event.person == person]), model, 1_800_000_000_000
        )
        assert alone.people.equals(everybody.people.filter(pl.col("person") == person))
        assert alone.waterfall.equals(everybody.waterfall.filter(pl.col("person") == person))
        assert alone.accounts.equals(everybody.accounts.filter(pl.col("person") == person))
