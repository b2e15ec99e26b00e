"""A partition with its store on disk, fed the same log in different batches, and cut off in between."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from presence.events.errors import InvariantBroken
from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Gauge,
    Kind,
    Network,
    Object,
    PersonId,
    PersonKind,
    Severity,
    TimeQuality,
    Verb,
)
from presence.log import codec, revision
from presence.model.columns import frame
from presence.model.fold import fold
from presence.model.spec import load
from presence.model.state import State
from presence.scoring.partition import Gap, Partition
from presence.scoring.store import Store
from presence.v1 import score_pb2

MODEL = load()
NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000
ACTS = (
    (Direction.BY, Verb.CREATE, Object.NOTE),
    (Direction.TO, Verb.LIKE, Object.NOTE),
    (Direction.TO, Verb.FOLLOW, Object.PROFILE),
    (Direction.BY, Verb.JOIN, Object.VIDEO),
)


@dataclass
class Record:
    offset: int
    key: bytes | None
    value: bytes | None


def events(count: int, seed: int = 7) -> Iterator[Event]:
    """A log of five people, with everything that a log can have; some ids repeat."""
    chance = random.Random(seed)
    for number in range(count):
        person = PersonId(f"p_{chance.randrange(5)}")
        observed_ms = NOW_MS + number * 60_000
        network, account = Network(chance.choice(("bluesky", "x"))), AccountHash(chance.randrange(2))
        what = chance.choices(range(8), (80, 6, 4, 2, 2, 2, 1, 1))[0]
        if what == 0:
            act = chance.randrange(400)
            direction, verb, target = ACTS[act % 4]
            network, account = Network(("bluesky", "x")[act % 3 % 2]), AccountHash(act % 5 % 2)
            yield Event(
                kind=Kind.ACTIVITY, id=EventId(act), person=person, network=network, account=account,
                direction=direction, verb=verb, object=target, actor=ActorHash(act % 17 + 1),
                occurred_ms=NOW_MS - act * DAY_MS // 4, observed_ms=observed_ms, magnitude=1,
                time_quality=TimeQuality.EXACT,
            )  # fmt: skip
        elif what == 1:
            act = EventId(chance.randrange(400))
            yield Event(
                kind=Kind.UNDO,
                id=EventId(10_000 + number),
                person=person,
                ref_id=act,
                observed_ms=observed_ms,
            )
        elif what == 2:
            yield Event(
                kind=Kind.GAUGE, id=EventId(20_000 + number), person=person, network=network, account=account,
                gauge=Gauge.FOLLOWERS, value=chance.randrange(10**6), observed_ms=observed_ms,
            )  # fmt: skip
        elif what == 3:
            yield Event(
                kind=Kind.UNLINKED, person=person, network=network, account=account, observed_ms=observed_ms
            )
        elif what == 4:
            yield Event(
                kind=Kind.FLAG, id=EventId(30_000 + number), person=person, ref_id=EventId(chance.randrange(3)),
                severity=Severity.MINOR, withdrawn=chance.random() < 0.5, occurred_ms=NOW_MS, observed_ms=observed_ms,
            )  # fmt: skip
        elif what == 5:
            yield Event(
                kind=Kind.ENROLLED, id=EventId(40_000 + number), person=person,
                person_kind=PersonKind.BUSINESS, observed_ms=observed_ms,
            )  # fmt: skip
        elif what == 6:
            complete_ms = observed_ms + chance.randrange(5) * DAY_MS
            yield Event(
                kind=Kind.WATERMARK, network=network, complete_ms=complete_ms, observed_ms=observed_ms
            )
        else:
            yield Event(kind=Kind.CLOCK, observed_ms=observed_ms + DAY_MS)


def records(log: Sequence[Event]) -> list[Record]:
    return [Record(at, each.person.encode() or None, codec.encode(each)) for at, each in enumerate(log)]


def everything(partition: Partition) -> tuple[State, dict[str, bytes | None]]:
    """The state of all people, and all scores that are due."""
    return partition.store.load([f"p_{n}" for n in range(5)]), dict(partition.due().scores)


@pytest.fixture
def open_partition(tmp_path: Path) -> Iterator[Callable[[str], Partition]]:
    opened: list[Partition] = []

    def start(name: str) -> Partition:
        opened.append(Partition(3, Store(tmp_path / name), MODEL))
        return opened[-1]

    yield start
    for each in opened:
        each.store.close()


@pytest.mark.parametrize("size", [1, 7, 150])
def test_any_batching_gives_the_state_and_scores_of_the_whole(
    size: int, open_partition: Callable[[str], Partition]
) -> None:
    log = records(list(events(600)))
    whole, parts = open_partition("whole"), open_partition("parts")
    whole.apply(log)
    for start in range(0, len(log), size):
        parts.apply(log[start : start + size])
    state, scores = everything(parts)
    expected, expected_scores = everything(whole)
    assert state.equals(expected)
    assert scores == expected_scores
    assert len(scores) == 5


def test_the_store_holds_what_the_fold_of_everything_in_memory_gives(
    open_partition: Callable[[str], Partition],
) -> None:
    log = list(events(600, seed=11))
    partition = open_partition("a")
    for start in range(0, 600, 50):
        partition.apply(records(log)[start : start + 50])
    folded = fold(State.empty(), frame(log), MODEL).state
    ids = folded.ledger.select("person", "id")
    assert partition.store.load([f"p_{n}" for n in range(5)], ids).equals(folded)


def test_what_is_delivered_again_changes_nothing(open_partition: Callable[[str], Partition]) -> None:
    log = records(list(events(300)))
    partition = open_partition("a")
    partition.apply(log)
    state, scores = everything(partition)
    assert partition.apply(log) == 0
    assert partition.apply(log[100:200]) == 0
    again, scores_again = everything(partition)
    assert again.equals(state)
    assert scores_again == scores


def test_it_goes_on_where_it_was_after_being_closed(
    tmp_path: Path, open_partition: Callable[[str], Partition]
) -> None:
    log = records(list(events(300)))
    first = Partition(3, Store(tmp_path / "cut"), MODEL)
    first.apply(log[:123])
    first.store.close()
    second, whole = open_partition("cut"), open_partition("whole")
    assert second.store.offset == 123
    second.apply(log[100:])
    whole.apply(log)
    assert everything(second)[0].equals(everything(whole)[0])
    assert everything(second)[1] == everything(whole)[1]


def test_who_changed_while_being_published_stays_due(open_partition: Callable[[str], Partition]) -> None:
    partition = open_partition("a")
    log = records([event for event in events(300) if event.person == "p_1" and event.kind == Kind.ACTIVITY])
    partition.apply(log[:10])
    published = partition.due()
    partition.apply(log[10:12])
    partition.published(published)
    assert list(partition.due().changes) == ["p_1"]
    partition.published(partition.due())
    assert not partition.due().changes


def test_a_new_day_makes_everybody_due_at_its_offset(open_partition: Callable[[str], Partition]) -> None:
    partition = open_partition("a")
    log = records([event for event in events(200) if event.person])
    partition.apply(log)
    partition.published(partition.due())
    clock = Event(kind=Kind.CLOCK, observed_ms=NOW_MS + 30 * DAY_MS)
    partition.apply([Record(len(log), None, codec.encode(clock))])
    due = partition.due()
    assert len(due.scores) == 5
    for _, value in due.scores:
        assert revision.decode(score_pb2.Score.FromString(value or b"").revision).offset == len(log)
    score = score_pb2.Score.FromString(due.scores[0][1] or b"")
    assert score.as_of_time.ToMilliseconds() == NOW_MS + 30 * DAY_MS


def test_an_erased_person_leaves_a_tombstone_and_nothing_else(
    open_partition: Callable[[str], Partition],
) -> None:
    partition = open_partition("a")
    log = [event for event in events(300) if event.person]
    log.append(Event(kind=Kind.ERASED, person=PersonId("p_1"), observed_ms=NOW_MS * 2))
    partition.apply(records(log))
    partition.apply([*records(log), Record(len(log), b"p_1", codec.encode(log[0]))])
    assert dict(partition.due().scores)["p_1"] is None
    state = partition.store.load(["p_1"], frame(log).select("person", "id"))
    assert state.counts.is_empty()
    assert state.gauges.is_empty()
    assert state.ledger.filter(person="p_1").is_empty()


def test_waterfall_and_score_agree_in_what_is_published(open_partition: Callable[[str], Partition]) -> None:
    partition = open_partition("a")
    partition.apply(records(list(events(600))))
    for person, value in partition.due().scores:
        score = score_pb2.Score.FromString(value or b"")
        assert score.person == person
        assert sum(entry.millipoints for entry in score.waterfall) == score.presence_millipoints


def test_one_store_has_one_owner(tmp_path: Path) -> None:
    store = Store(tmp_path / "a")
    with pytest.raises(InvariantBroken, match="another process"):
        Store(tmp_path / "a")
    store.close()
    Store(tmp_path / "a").close()


def test_what_begins_after_the_next_record_is_refused(open_partition: Callable[[str], Partition]) -> None:
    log = records(list(events(100)))
    partition = open_partition("a")
    partition.apply(log[:40])
    with pytest.raises(Gap) as gap:
        partition.apply(log[41:])
    assert gap.value.offset == partition.store.offset == 40
    assert partition.apply(log[41:], after_gap=True) == 59
