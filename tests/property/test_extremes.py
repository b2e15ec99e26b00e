"""Property 8 where a log of today does not come: states with amounts, weeks and crowds at every edge."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oracle.engines import Core, Oracle
from tests.oracle.fold import Account, Dated, Partition, Person, Row
from tests.oracle.page import PILLARS
from tests.property.histories import BASE_MS, HOSTILE_MOMENTS_MS, NETWORKS
from tests.property.test_sums import assert_in_range

from presence.events import door
from presence.events.vocabulary import AccountHash, Event, EventId, Gauge, Kind, Network, PersonId

CORE, ORACLE = Core(), Oracle()
AMOUNTS = (
    1,
    999,
    1_000,
    1_001,
    19_999,
    20_000,
    20_001,
    10**12,
    2**42 - 1,
    2**42,
    2**42 + 1,
    2**62,
    -1,
    -(2**62),
)
WEEKS = (2_922, 2_921, 2_900, 1_774, 0, -1, -52, -(2**31), 2_923, 2**31 - 1)
"""The week of BASE_MS, and others: of the same year, of 2004, before 1970, and the edges of 32 bits."""
AT = st.tuples(st.sampled_from(NETWORKS), st.sampled_from([0, 1, 2**63, 2**64 - 1]))
ROWS = st.builds(
    Row,
    AT.map(lambda where: Account(*where)),
    st.sampled_from(sorted(CORE.signals.values())),
    st.sampled_from([0, 1, 63]),
    st.sampled_from(WEEKS),
)


def assert_agreement(partition: Partition, as_of_ms: int | None) -> None:
    scores = CORE.scores(CORE.state_of(partition), as_of_ms)
    assert scores == ORACLE.scores(partition, as_of_ms)
    for score in scores.values():
        assert_in_range(score)
        assert sum(entry[-1] for entry in score["waterfall"]) == score["presence"]


@given(
    counts=st.dictionaries(ROWS, st.sampled_from(AMOUNTS), max_size=30),
    associates=st.tuples(st.sampled_from([0, 50_000, 100_000]), st.sampled_from([1, 10**6])),
    as_of_ms=st.one_of(st.none(), st.sampled_from(HOSTILE_MOMENTS_MS)),
)
def test_core_and_oracle_agree_on_amounts_and_weeks_at_every_edge(
    counts: dict[Row, int], associates: tuple[int, int], as_of_ms: int | None
) -> None:
    person = Person(counts=counts, associates=Dated(1, 1, associates), newest_ms=BASE_MS)
    assert_agreement(Partition({"p_edge": person}, clock_ms=BASE_MS, watermarks={"x": 0}), as_of_ms)


def crowd_of_accounts(size: int, gauges: Sequence[tuple[Gauge, int]]) -> list[Event]:
    return [
        Event(
            kind=Kind.GAUGE,
            person=PersonId("p_crowd"),
            id=EventId(8 * number + gauge),
            network=Network(f"network-{number % 500}"),
            account=AccountHash(number),
            gauge=gauge,
            value=value,
            observed_ms=BASE_MS,
        )
        for number in range(size)
        for gauge, value in gauges
    ]


def told_of(size: int, stars: int) -> list[Event]:
    gauges = [(Gauge.RATING_STARS, stars), (Gauge.RATING_COUNT, 10**12), (Gauge.FOLLOWERS, 10**12)]
    return [door.check(event) for event in crowd_of_accounts(size, gauges)]


@pytest.mark.parametrize(("stars", "reviews"), [(0, -10_000), (3_500, 0), (5_000, 9_993)])
def test_ten_thousand_accounts_with_a_billion_ratings_each(stars: int, reviews: int) -> None:
    """Their stars alone are 5 * 10**19; the prior keeps the mean of five stars a thousandth below."""
    score = CORE.scores(CORE.fold(CORE.empty(), told_of(10_000, stars)))["p_crowd"]
    assert score["reviews"] == reviews
    assert score["pillars"] == {**dict.fromkeys(PILLARS, 0), "reach": 10**6}
    assert_in_range(score)


def test_core_and_oracle_agree_on_two_thousand_accounts_with_a_billion_ratings_each() -> None:
    log = told_of(2_000, 5_000)
    core, oracle = CORE.fold(CORE.empty(), log), ORACLE.fold(ORACLE.empty(), log)
    assert CORE.scores(core) == ORACLE.scores(oracle)
