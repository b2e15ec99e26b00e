"""Who is erased leaves nothing behind in a partition, and does not come back from an older copy of it."""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import lmdb
import pytest
from tests.service.logs import DAY_MS, NOW_MS, Record, events, records

from presence.batch.letters import Letter, Topic
from presence.events.vocabulary import Event, Kind, PersonId
from presence.model.spec import load
from presence.scoring import partition as module
from presence.scoring.ownership import claim
from presence.scoring.partition import Partition
from presence.scoring.snapshots import Snapshots

ADA = PersonId("p_1")
Open = Callable[[str], Partition]


def tick(day: int) -> Event:
    return Event(kind=Kind.CLOCK, observed_ms=NOW_MS + day * DAY_MS)


def lived(days: int) -> list[Record]:
    """Five people who act, with a tick after every 20 of their records."""
    log: list[Event] = []
    acts = [event for event in events(40 * days) if event.person]
    for day in range(days):
        log += [*acts[20 * day : 20 * (day + 1)], tick(day)]
    return records(log)


def erasing(offset: int) -> Record:
    (record,) = records([Event(kind=Kind.ERASED, person=ADA, observed_ms=NOW_MS)])
    return Record(offset, record.key, record.value)


def published(partition: Partition) -> tuple[dict[str, bytes | None], list[Letter]]:
    """Everything that is due, until nothing is."""
    scores: dict[str, bytes | None] = {}
    letters: list[Letter] = []
    while publication := partition.due():
        scores |= dict(publication.scores)
        letters += publication.letters
        partition.published(publication)
    return scores, letters


def stored(partition: Partition) -> list[tuple[str, bytes, bytes]]:
    """Every row of every table of its store."""
    found = []
    with TemporaryDirectory() as folder:
        partition.store.copy(Path(folder))
        env = lmdb.open(folder, max_dbs=8)
        for name in ("people", "ledger", "pending", "outbox", "meta"):
            table = env.open_db(name.encode(), create=False)
            with env.begin() as txn, txn.cursor(table) as cursor:
                found += [(name, bytes(key), bytes(value)) for key, value in cursor]
        env.close()
    return found


@pytest.mark.parametrize("is_out", [True, False])
def test_every_closing_is_taken_back_whether_it_is_out_or_not(open_partition: Open, *, is_out: bool) -> None:
    log = lived(40)
    partition = open_partition("a")
    partition.apply(log)
    history: list[Letter] = published(partition)[1] if is_out else []
    partition.apply([erasing(len(log))])
    _, letters = published(partition)
    assert all(not each.value for each in letters if each.key.startswith(ADA.encode()))
    history, letters = ([each for each in some if each.topic == Topic.HISTORY] for some in (history, letters))
    mine = [each for each in letters if each.key.startswith(ADA.encode())]
    assert len(mine) == 40, "more days than the state remembers"
    if is_out:
        assert {each.key for each in history if each.key.startswith(ADA.encode())} == {
            each.key for each in mine
        }
    others = [each for each in [*history, *letters] if not each.key.startswith(ADA.encode())]
    assert others
    assert all(each.value for each in others)


def test_a_store_keeps_the_mark_and_no_row(open_partition: Open) -> None:
    log = lived(5)
    partition = open_partition("a")
    partition.apply(log)
    before = stored(partition)
    partition.apply(
        [erasing(len(log)), *(Record(len(log) + 1 + n, r.key, r.value) for n, r in enumerate(log))]
    )
    published(partition)
    rows = [(table, key, value) for table, key, value in stored(partition) if ADA.encode() in key + value]
    assert [(table, key) for table, key, _ in rows] == [("people", ADA.encode())]
    assert len(rows[0][2]) < min(
        len(value) for table, key, value in before if (table, key) == ("people", b"p_2")
    )
    assert partition.store.meta.erased_offset == len(log)


def test_a_new_day_is_not_told_of_who_is_erased(
    open_partition: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SWEEP_PEOPLE_MAX", 2)
    log = lived(3)
    partition = open_partition("a")
    partition.apply([*log, erasing(len(log))])
    assert published(partition)[0][ADA] is None
    partition.apply([Record(len(log) + 1, None, records([tick(9)])[0].value)])
    scores, letters = published(partition)
    assert len(scores) == 4
    assert ADA not in scores
    assert not [each for each in letters if each.key.startswith(ADA.encode())]


def test_an_older_snapshot_leads_to_the_same_state_and_is_purged(
    tmp_path: Path, open_partition: Open
) -> None:
    snapshots = Snapshots((tmp_path / "kept").as_uri(), "test")
    log = lived(4)
    whole = open_partition("whole")
    whole.apply(log)
    snapshots.take(3, tmp_path / "copy", whole.store.copy)
    erased = [erasing(len(log)), *(Record(len(log) + 1 + n, r.key, r.value) for n, r in enumerate(log[:50]))]
    whole.apply(erased)
    restored = Partition(3, claim(tmp_path / "restored", partial(snapshots.restore, 3)), load())
    assert restored.store.offset == len(log)
    restored.apply([*log[10:], *erased])
    assert published(restored) == published(whole)
    assert dict(published(whole)[0]) == {}
    assert stored(restored) == stored(whole)
    restored.store.close()
    assert len(snapshots.purge(3, whole.store.meta.erased_offset)) == 1
    assert snapshots.of(3) == []
    snapshots.take(3, tmp_path / "copy", whole.store.copy)
    assert snapshots.purge(3, whole.store.meta.erased_offset) == []


def test_a_snapshot_that_names_whom_to_tell_of_is_replaced_when_they_are_told(
    tmp_path: Path, open_partition: Open
) -> None:
    snapshots = Snapshots((tmp_path / "kept").as_uri(), "test")
    log = lived(4)
    partition = open_partition("a")
    partition.apply([*log, erasing(len(log))])

    def tables_with_ada() -> set[str]:
        restored = Partition(
            3, claim(tmp_path / str(time.monotonic_ns()), partial(snapshots.restore, 3)), load()
        )
        found = {table for table, key, value in stored(restored) if ADA.encode() in key + value}
        restored.store.close()
        return found

    assert snapshots.take(3, tmp_path / "copy", partition.store.copy)
    assert tables_with_ada() == {"people", "pending", "outbox"}
    assert (partition.store.unpublished, partition.store.letters) > (0, 0)
    published(partition)
    partition.store.settle()
    assert (partition.store.unpublished, partition.store.letters) == (0, 0)
    assert snapshots.take(3, tmp_path / "copy", partition.store.copy) is None
    assert snapshots.take(3, tmp_path / "copy", partition.store.copy, anew=True)
    assert tables_with_ada() == {"people"}
    assert len(snapshots.of(3)) == 1
