"""Property 2: at the same day and watermarks, and without associates, nothing good lowers a score.

What it is worth is compared on two people of one log: one with the record, one without.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.oracle.engines import Engine
from tests.oracle.evaluate import evaluate
from tests.oracle.fold import Account, Partition, fold
from tests.oracle.quantity import age, day, week
from tests.property.histories import (
    ACCOUNTS,
    BASE_MS,
    DAY_MS,
    EVERYDAY,
    MOMENTS_MS,
    NETWORKS,
    as_told_of,
    histories,
    id_of,
)

from presence.events import door
from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Gauge,
    Kind,
    Network,
    PersonId,
    Verb,
)

BEFORE, AFTER = "p_before", "p_after"
NO_ASSOCIATES = {**EVERYDAY, Kind.ASSOCIATES: 0, Kind.WATERMARK: 2}
NEW_ACCOUNT = AccountHash(77)
THOUSANDTH_OF_A_STAR = 20
"""Millipoints of a business, rounded up."""
OTHER_GAUGES = (Gauge.FOLLOWERS, Gauge.CONNECTIONS, Gauge.PROFILE_COMPLETENESS)


def logs(records_max: int = 40) -> st.SearchStrategy[list[Event]]:
    enrolled = Event(kind=Kind.ENROLLED, person=PersonId(BEFORE), observed_ms=1)
    return histories(NO_ASSOCIATES, [BEFORE], records_max).map(lambda events: [enrolled, *events])


def without_and_with(
    engine: Engine, events: Sequence[Event], more: Sequence[Event], as_of_ms: int
) -> tuple[Any, Any]:
    log = [*events, *as_told_of(AFTER, [*events, *more])]
    scores = engine.scores(engine.fold(engine.empty(), log), as_of_ms)
    return scores[BEFORE], scores[AFTER]


def assert_nothing_fell(before: Any, after: Any, *, but_for_millipoints: int = 0) -> None:
    for pillar, share in before["pillars"].items():
        assert after["pillars"][pillar] >= share, pillar
    assert after["presence"] >= before["presence"] - but_for_millipoints


def is_review(event: Event) -> bool:
    return event.verb == Verb.REVIEW and event.direction == Direction.TO


@given(
    events=logs(),
    acts=histories({Kind.ACTIVITY: 1}, [BEFORE], 4),
    as_of_ms=st.sampled_from(MOMENTS_MS),
)
def test_an_act_never_lowers_a_pillar_or_the_score(
    engine: Engine, events: list[Event], acts: list[Event], as_of_ms: int
) -> None:
    acts = [replace(act, id=id_of(100 + n)) for n, act in enumerate(acts) if not is_review(act)]
    assert_nothing_fell(*without_and_with(engine, events, acts, as_of_ms))


@given(
    events=logs(),
    where=st.tuples(st.sampled_from(NETWORKS), st.sampled_from(ACCOUNTS)),
    gauge=st.sampled_from(OTHER_GAUGES),
    more=st.sampled_from([0, 1, 7, 1_000, 10**6, 10**12]),
    as_of_ms=st.sampled_from(MOMENTS_MS),
)
def test_a_gauge_that_does_not_fall_never_lowers_a_pillar_or_the_score(
    engine: Engine, *, events: list[Event], where: tuple[str, int], gauge: Gauge, more: int, as_of_ms: int
) -> None:
    known = fold(events).people[BEFORE].gauges.get((Account(*where), gauge))
    absent = 50 if gauge == Gauge.PROFILE_COMPLETENESS else 0
    value = min(door.GAUGE_MAX[gauge], (known.value if known else absent) + more)
    observed = Event(
        kind=Kind.GAUGE,
        person=PersonId(BEFORE),
        id=id_of(100),
        network=Network(where[0]),
        account=AccountHash(where[1]),
        gauge=gauge,
        value=value,
        observed_ms=BASE_MS + 10_000 * DAY_MS,
    )
    assert_nothing_fell(*without_and_with(engine, events, [observed], as_of_ms))


@given(
    events=logs(),
    told=histories({Kind.ACTIVITY: 3, Kind.GAUGE: 1}, [BEFORE], 12),
    network=st.sampled_from(NETWORKS),
    as_of_ms=st.sampled_from(MOMENTS_MS),
)
def test_a_new_account_never_lowers_a_pillar_or_the_score(
    engine: Engine, events: list[Event], told: list[Event], network: str, as_of_ms: int
) -> None:
    of_the_account = [
        replace(event, id=EventId(2**40 + event.id % 2**40), network=Network(network), account=NEW_ACCOUNT)
        for event in told
        if not is_review(event) and event.gauge not in {Gauge.RATING_STARS, Gauge.RATING_COUNT}
    ]
    assert_nothing_fell(*without_and_with(engine, events, of_the_account, as_of_ms))


def mean_stars_of(partition: Partition, as_of_ms: int) -> int:
    score = evaluate(partition, BEFORE, as_of_ms)
    assert score is not None
    return score.mean_stars


def has_decayed(partition: Partition, network: str, occurred_ms: int, as_of_ms: int) -> bool:
    as_of_day = min(day(as_of_ms), day(partition.watermarks.get(network, as_of_ms)))
    return age(week(occurred_ms), as_of_day) > 0


@given(
    events=logs(),
    where=st.tuples(st.sampled_from(NETWORKS), st.sampled_from(ACCOUNTS)),
    above=st.integers(1, 1_500),
    weeks_old=st.sampled_from([0, 0, 1, 4, 26, 104, 520]),
    as_of_ms=st.sampled_from(MOMENTS_MS),
)
def test_a_review_above_the_mean_never_lowers_a_pillar_or_the_score(
    engine: Engine, *, events: list[Event], where: tuple[str, int], above: int, weeks_old: int, as_of_ms: int
) -> None:
    """One that is not of this week may take a thousandth of a star: its count is rounded, its stars too."""
    known = fold(events)
    mean_stars = mean_stars_of(known, as_of_ms)
    rating = min(door.RATING_MAX, mean_stars + above)
    network, account = where
    occurred_ms = max(door.OCCURRED_MS_MIN, as_of_ms - weeks_old * 7 * DAY_MS)
    review = Event(
        kind=Kind.ACTIVITY,
        person=PersonId(BEFORE),
        id=id_of(100),
        direction=Direction.TO,
        verb=Verb.REVIEW,
        actor=ActorHash(1),
        rating=rating,
        network=Network(network),
        account=AccountHash(account),
        occurred_ms=occurred_ms,
        observed_ms=occurred_ms,
    )
    assume(rating > mean_stars)
    rounding = THOUSANDTH_OF_A_STAR if has_decayed(known, network, occurred_ms, as_of_ms) else 0
    before, after = without_and_with(engine, events, [review], as_of_ms)
    assert_nothing_fell(before, after, but_for_millipoints=rounding)
