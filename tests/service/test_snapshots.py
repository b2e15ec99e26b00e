"""Snapshots of a partition: taken beside its owner, restored whole or not at all, the newest that is good."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.service.logs import Record, events, records

from presence.events.errors import CallerError
from presence.model.spec import load
from presence.scoring.ownership import claim
from presence.scoring.partition import Partition
from presence.scoring.snapshots import KEPT, Snapshots

PEOPLE = [f"p_{n}" for n in range(5)]


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots((tmp_path / "kept").as_uri(), "test")


@pytest.fixture
def log() -> list[Record]:
    return records(list(events(400)))


def take(snapshots: Snapshots, partition: Partition) -> None:
    snapshots.take(3, partition.store.folder.with_suffix(".snapshot"), partition.store.copy)


def restored(snapshots: Snapshots, folder: Path) -> Partition:
    return Partition(3, claim(folder, partial(snapshots.restore, 3)), load())


def flip(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 0xFF
    path.write_bytes(data)


def test_a_lost_store_comes_back_and_goes_on_from_the_log(
    tmp_path: Path, snapshots: Snapshots, log: list[Record], open_partition: Callable[[str], Partition]
) -> None:
    whole = open_partition("whole")
    whole.apply(log[:250])
    take(snapshots, whole)
    whole.apply(log[250:])
    again = restored(snapshots, tmp_path / "lost")
    assert again.store.offset == 250
    again.apply(log[240:])
    assert again.store.load(PEOPLE).equals(whole.store.load(PEOPLE))
    assert dict(again.due().scores) == dict(whole.due().scores)
    again.store.close()


def test_a_store_that_is_there_is_not_replaced(
    tmp_path: Path, snapshots: Snapshots, log: list[Record]
) -> None:
    first = restored(snapshots, tmp_path / "a")
    first.apply(log[:100])
    take(snapshots, first)
    first.apply(log[100:200])
    first.store.close()
    second = restored(snapshots, tmp_path / "a")
    assert second.store.offset == 200
    second.store.close()


@pytest.mark.parametrize("at", [0.02, 0.5, 0.98])
def test_a_damaged_snapshot_is_passed_over_for_an_older_one(
    at: float,
    tmp_path: Path,
    snapshots: Snapshots,
    log: list[Record],
    open_partition: Callable[[str], Partition],
) -> None:
    partition = open_partition("a")
    partition.apply(log[:100])
    take(snapshots, partition)
    partition.apply(log[100:200])
    take(snapshots, partition)
    flip(tmp_path / "kept" / snapshots.of(3)[0].path, at)
    again = restored(snapshots, tmp_path / "lost")
    assert again.store.offset == 100
    again.store.close()


@pytest.mark.parametrize("left", [0.0, 0.4, 0.99])
def test_a_cut_off_snapshot_is_passed_over(
    left: float,
    tmp_path: Path,
    snapshots: Snapshots,
    log: list[Record],
    open_partition: Callable[[str], Partition],
) -> None:
    partition = open_partition("a")
    partition.apply(log[:100])
    take(snapshots, partition)
    path = tmp_path / "kept" / snapshots.of(3)[0].path
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * left)])
    again = restored(snapshots, tmp_path / "lost")
    assert again.store.offset == 0
    again.store.close()


def test_only_the_newest_are_kept_and_none_twice(
    snapshots: Snapshots, log: list[Record], open_partition: Callable[[str], Partition]
) -> None:
    partition = open_partition("a")
    cuts = sorted(random.Random(5).sample(range(1, 400), KEPT + 3))
    for start, end in zip([0, *cuts], cuts, strict=False):
        partition.apply(log[start:end])
        take(snapshots, partition)
        take(snapshots, partition)
    assert [snapshot.offset for snapshot in snapshots.of(3)] == cuts[::-1][:KEPT]
    assert snapshots.of(4) == []


def test_a_url_that_nothing_can_be_kept_at_is_named() -> None:
    with pytest.raises(CallerError, match="PRESENCE_SNAPSHOTS=gopher"):
        Snapshots("gopher://x", "test")
