"""A person with a long history: rows move into buckets, and everything is still found, undone and dropped."""

import random
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest
from tests.service.logs import NOW_MS, records

from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Kind,
    Network,
    Object,
    PersonId,
    Verb,
)
from presence.model.columns import frame
from presence.model.fold import fold
from presence.model.spec import load
from presence.model.state import State
from presence.scoring.ledger import ROWS_MAX
from presence.scoring.partition import Partition
from presence.scoring.store import Store

MODEL = load()
Open = Callable[[str], Partition]


def like(number: int, person: str = "p_0", account: int = 1) -> Event:
    spread = (number * 0x9E3779B97F4A7C15) % 2**64
    return Event(
        kind=Kind.ACTIVITY, id=EventId(spread), person=PersonId(person), network=Network("x"),
        account=AccountHash(account), direction=Direction.TO, verb=Verb.LIKE, object=Object.NOTE,
        actor=ActorHash(number + 1), occurred_ms=NOW_MS - number, observed_ms=NOW_MS, magnitude=1,
    )  # fmt: skip


def undo(of: Event, number: int) -> Event:
    return Event(kind=Kind.UNDO, id=EventId(number), person=of.person, ref_id=of.id, observed_ms=NOW_MS)


def fed(partition: Partition, log: list[Event], size: int) -> State:
    """The state after a log in batches of `size`, with the ledger of its ids."""
    everything = records(log)
    for start in range(0, len(log), size):
        partition.apply(everything[start : start + size])
    people = sorted({event.person for event in log})
    return partition.store.load(people, frame(log).select("person", "id").unique())


def long_life(count: int, seed: int) -> list[Event]:
    """Mostly one person's acts on two accounts, some undone before or after, some repeated; some of others."""
    chance = random.Random(seed)
    log = [like(number, account=chance.randrange(2)) for number in range(count)]
    log += [undo(each, 10**9 + at) for at, each in enumerate(chance.sample(log, count // 10))]
    log += chance.sample(log, count // 10)
    log += [like(number, "p_00") for number in range(ROWS_MAX + 3)] + [like(5, "p_0/")]
    chance.shuffle(log)
    return log


@pytest.mark.parametrize("size", [13, 500, 10_000])
def test_a_long_history_is_the_same_in_buckets(size: int, open_partition: Open) -> None:
    log = long_life(3_000, seed=size)
    assert fed(open_partition("a"), log, size).equals(fold(State.empty(), frame(log), MODEL).state)


def test_unlinking_reaches_into_the_buckets(open_partition: Open) -> None:
    log = long_life(1_000, seed=1)
    unlinked = Event(
        kind=Kind.UNLINKED,
        person=PersonId("p_0"),
        network=Network("x"),
        account=AccountHash(1),
        observed_ms=NOW_MS,
    )
    again = [like(number, account=number % 2) for number in range(0, 1_000, 3)]
    log = [*log, unlinked, *again]
    assert fed(open_partition("a"), log, 400).equals(fold(State.empty(), frame(log), MODEL).state)


def test_erasing_leaves_no_bucket(tmp_path: Path) -> None:
    partition = Partition(0, Store(tmp_path), MODEL)
    log = long_life(1_000, seed=2)
    erased = Event(kind=Kind.ERASED, person=PersonId("p_0"), observed_ms=NOW_MS)
    state = fed(partition, [*log, erased, like(1)], 300)
    assert set(state.ledger["person"]) == {"p_00", "p_0/"}
    partition.store.close()
    with lmdb.open(str(tmp_path), readonly=True, max_dbs=2) as env, env.begin() as txn:
        keys = [bytes(key) for key, _ in txn.cursor(db=env.open_db(b"ledger", txn, create=False))]
    assert keys
    assert {key[:-5] for key in keys} == {b"p_00"}


def test_the_map_grows_with_the_state(tmp_path: Path) -> None:
    log = records([like(number, f"p_{number % 997}") for number in range(20_000)])
    small, large = (
        Partition(0, Store(tmp_path / name, size), load()) for name, size in (("a", 2**20), ("b", 2**30))
    )
    for start in range(0, len(log), 2_000):
        small.apply(log[start : start + 2_000])
    large.apply(log)
    people = [f"p_{number}" for number in range(997)]
    assert small.store.load(people).equals(large.store.load(people))
    assert (tmp_path / "a" / "data.mdb").stat().st_size > 2**20
    small.store.close()
    large.store.close()
