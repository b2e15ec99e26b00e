"""Property 3: many actors count for more than one actor who acts often.

The first half holds without associates, as property 2 does: a new actor is more evidence, and the better
known someone is, the less their company gives. It is exact but for roundings of a micro-nat, which can only show when what is
counted has decayed to almost nothing; so its acts are at most RECENT_DAYS old. The second half holds
while the acts are fresh: `ln1p` of a sum flattens only what is large, so after two half-lives an
actor's 10,000 likes (9.2 nats) and 20 actors' in five slots (5.6 to 8 nats) are nearly proportional.
"""

from hypothesis import given
from hypothesis import strategies as st
from tests.oracle.engines import Engine
from tests.property.histories import ACTORS, BASE_MS, DAY_MS, EVERYDAY, NETWORKS, as_told_of, histories

from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Kind,
    Network,
    PersonId,
    Verb,
)

RECENT_DAYS, FRESH_DAYS = 300, 60
NEW_SLOT = 40
"""A slot in which none of the actors of `histories` is."""

SAME_ACTOR, NEW_ACTOR = "p_same_actor", "p_new_actor"


def like(person: str, number: int, actor: int, at_ms: int, **where: object) -> Event:
    return Event(
        kind=Kind.ACTIVITY,
        person=PersonId(person),
        id=EventId(2**32 + number),
        direction=Direction.TO,
        verb=Verb.LIKE,
        actor=ActorHash(actor),
        occurred_ms=at_ms,
        observed_ms=at_ms,
        network=Network(str(where.get("network", "bluesky"))),
        account=AccountHash(1),
        magnitude=int(str(where.get("magnitude", 1))),
    )


@given(
    events=histories({**EVERYDAY, Kind.ASSOCIATES: 0, Kind.WATERMARK: 2}, people=[SAME_ACTOR]),
    network=st.sampled_from(NETWORKS),
    first_day=st.integers(0, RECENT_DAYS),
    second_day=st.integers(0, RECENT_DAYS),
    actor=st.sampled_from([1, 2, 64, 2**64 - 1]),
)
def test_a_second_like_adds_no_more_than_the_first_of_a_new_actor(
    engine: Engine, *, events: list[Event], network: str, first_day: int, second_day: int, actor: int
) -> None:
    as_of_ms = BASE_MS + RECENT_DAYS * DAY_MS
    first = like(SAME_ACTOR, 1, actor, BASE_MS + first_day * DAY_MS, network=network)
    at_ms = BASE_MS + second_day * DAY_MS
    log = [
        *(*events, *as_told_of(NEW_ACTOR, events)),
        *(first, *as_told_of(NEW_ACTOR, [first])),
        like(SAME_ACTOR, 2, actor, at_ms, network=network),
        like(NEW_ACTOR, 2, NEW_SLOT, at_ms, network=network),
    ]
    scores = engine.scores(engine.fold(engine.empty(), log), as_of_ms)
    same, new = scores[SAME_ACTOR], scores[NEW_ACTOR]
    assert same["pillars"]["resonance"] <= new["pillars"]["resonance"]
    assert same["presence"] <= new["presence"]


@given(
    network=st.sampled_from(NETWORKS),
    age_days=st.integers(0, FRESH_DAYS - 7),
    parts=st.lists(st.integers(1, 5_000), max_size=12),
    actors=st.lists(st.integers(1, 2**64 - 1), min_size=15, max_size=15, unique=True),
    first_slot=st.integers(0, 59),
)
def test_ten_thousand_likes_of_one_stay_below_one_like_of_each_of_twenty(
    engine: Engine, *, network: str, age_days: int, parts: list[int], actors: list[int], first_slot: int
) -> None:
    as_of_ms = BASE_MS + age_days * DAY_MS
    parts = [part for end, part in enumerate(parts) if sum(parts[: end + 1]) < 10_000]
    parts.append(10_000 - sum(parts))
    in_five_slots = [2**20 + first_slot + n for n in range(5)]
    log = [
        *(like("p_one", n, 7, BASE_MS, network=network, magnitude=part) for n, part in enumerate(parts)),
        *(like("p_many", n, a, BASE_MS, network=network) for n, a in enumerate(in_five_slots + actors)),
    ]
    scores = engine.scores(engine.fold(engine.empty(), log), as_of_ms)
    assert scores["p_one"]["pillars"]["resonance"] < scores["p_many"]["pillars"]["resonance"]


def test_no_actor_of_the_histories_is_in_the_new_slot() -> None:
    assert NEW_SLOT not in {actor & 63 for actor in ACTORS}
