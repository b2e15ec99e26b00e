"""A partition with its store on disk, fed the same log in different batches, and cut off in between."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.service.logs import DAY_MS, NOW_MS, Record, events, records

from presence.events.errors import InvariantBroken
from presence.events.vocabulary import Event, Kind, PersonId
from presence.log import codec, revision
from presence.model.columns import frame
from presence.model.fold import fold
from presence.model.spec import PACKAGED, load
from presence.model.state import State
from presence.scoring.partition import Gap, Partition
from presence.scoring.store import Store
from presence.v1 import score_pb2

MODEL = load()


def everything(partition: Partition) -> tuple[State, dict[str, bytes | None]]:
    """The state of all people, and all scores that are due."""
    return partition.store.load([f"p_{n}" for n in range(5)]), dict(partition.due().scores)


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


def test_a_store_keeps_to_its_model(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(
        PACKAGED.read_text().replace('name = "presence-1"', 'name = "presence-x"')
    )
    other = load(tmp_path / "other.toml")
    first = Partition(3, Store(tmp_path / "a"), MODEL)
    first.apply(records(list(events(10))))
    first.store.close()
    with pytest.raises(InvariantBroken, match="PRESENCE_VARIANT"):
        Partition(3, Store(tmp_path / "a"), other)
