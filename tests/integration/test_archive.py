"""The archiver as a process against real Kafka: killed, doubled, out of room, and told to forget."""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.service.logs import events

from presence.archive.store import Archive
from presence.archive.upkeep import merge
from presence.archive.verify import AgainstLog, verify
from presence.chaos.disk import Disk, How, unmount
from presence.events.vocabulary import Event, Kind, PersonId
from presence.log import codec
from presence.log.kafka import consumer, ensure_topics, partitions_of, producer
from presence.log.settings import Settings

KILLS = int(os.environ.get("PRESENCE_TEST_KILLS", "2"))
"""20 take about four minutes."""
LATER = 40_000
PATIENCE_S = 240
"""Every process imports for seconds where others take the cores."""
pytestmark = pytest.mark.timeout(300 + 60 * KILLS)

Spawn = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def quick(found: Settings) -> Settings:
    ensure_topics(found)
    return replace(found, archive_flush_s=1, archive_purge_s=1)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def send(settings: Settings, log: list[Event], bad: int = 0) -> None:
    sender = producer(settings)
    for event in log:
        value = codec.encode(event)
        if event.person:
            sender.send(settings.topics.activity, key=event.person.encode(), value=value)
        else:
            for partition in range(settings.partitions):
                sender.send(settings.topics.activity, value=value, partition=partition)
    for _ in range(bad):
        sender.send(settings.topics.activity, key=b"p_1", value=b"\xff")
    sender.flush()
    sender.close()


def ends(settings: Settings) -> dict[int, int]:
    reader = consumer(settings)
    found = reader.end_offsets(partitions_of(reader, settings.topics.activity))
    reader.close()
    return {each.partition: offset for each, offset in found.items()}


def archived(settings: Settings) -> dict[int, int | None]:
    archive = Archive.of(settings)
    return {each: archive.manifest(each).next_offset for each in range(settings.partitions)}


def until_archived(settings: Settings) -> None:
    end = ends(settings)
    until(lambda: archived(settings) == end)


def until_changed(settings: Settings, before: dict[int, int | None]) -> None:
    until(lambda: archived(settings) != before)


def problems(settings: Settings, erased: set[str]) -> list[object]:
    """All that is wrong with the archive, every record compared with Kafka's."""
    archive, compare = Archive.of(settings), AgainstLog(settings, erased)
    results = [verify(archive, each, compare, lambda _: None) for each in archive.partitions()]
    compare.close()
    assert sum(each.compared for each in results) > 0
    return [problem for each in results for problem in each.problems]


def test_killed_at_random_moments_and_doubled_it_writes_every_record_once(
    quick: Settings, spawn: Spawn, tmp_path: Path
) -> None:
    chance = random.Random(5)
    other = replace(quick, archive=(tmp_path / "undisturbed").as_uri())
    send(quick, list(events(3_000)), bad=3)
    undisturbed, beside = spawn("presence.archive", other), spawn("presence.archive", quick)
    for kill in range(KILLS):
        archiver = spawn("presence.archive", quick)
        send(quick, list(events(1_000, seed=kill)), bad=1)
        before = archived(quick)
        if kill % 2:
            until_changed(quick, before)
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                archiver.wait(timeout=chance.uniform(0.5, 6.0))
        archiver.kill()
        assert archiver.wait() == -9
        if kill == KILLS // 2:
            beside.kill()
    spawn("presence.archive", quick)
    until_archived(quick)
    until_archived(other)
    assert undisturbed.poll() is None
    assert problems(quick, set()) == []
    for partition in range(quick.partitions):
        files = [
            merge(archive, archive.manifest(partition), LATER, set()).files
            for archive in (Archive.of(quick), Archive.of(other))
        ]
        assert [len(each) for each in files] == [1, 1]
        assert files[0] == files[1], "the same log gave other bytes"


def test_it_ends_within_seconds_and_goes_on_from_there(quick: Settings, spawn: Spawn) -> None:
    patient = replace(quick, archive_flush_s=3_600)
    send(patient, list(events(500)))
    archiver = spawn("presence.archive", patient)
    until(lambda: b"following" in (patient.data / "services.log").read_bytes())
    archiver.terminate()
    assert archiver.wait(timeout=60) == 0
    spawn("presence.archive", quick)
    until_archived(quick)
    assert problems(quick, set()) == []


def test_who_is_erased_is_purged_and_stays_out(quick: Settings, spawn: Spawn) -> None:
    told = [event for event in events(2_000) if event.kind == Kind.ACTIVITY]
    send(quick, told)
    archiver = spawn("presence.archive", quick)
    until_archived(quick)
    send(quick, [Event(kind=Kind.ERASED, person=PersonId("p_3"), observed_ms=1)])
    send(quick, told[:100])
    until_archived(quick)

    def named() -> set[int]:
        archive = Archive.of(quick)
        people = (part.rows for each in range(2) for part in archive.parts(each, columns=["person", "kind"]))
        return {kind for rows in people for kind in rows.filter(person="p_3")["kind"]}

    until(lambda: named() == {Kind.ERASED})
    archiver.kill()
    archiver.wait()
    assert problems(quick, {"p_3"}) == []
    files = {path.name for path in Path(quick.archive_url.removeprefix("file://")).rglob("*.parquet")}
    archive = Archive.of(quick)
    assert files == {Path(each.path(0)).name for part in range(2) for each in archive.manifest(part).files}


def test_a_full_disk_is_waited_for_loudly_with_nothing_half_written(
    quick: Settings, spawn: Spawn, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    disk = Disk(small)
    if disk.how is not How.TMPFS:
        pytest.skip("a small file system takes root")
    full = replace(quick, archive=(small / "archive").as_uri())
    try:
        send(full, list(events(500)))
        archiver = spawn("presence.archive", full)
        until_archived(full)
        disk.fill(archiver.pid)
        send(full, list(events(5_000, seed=8)))
        until(lambda: b"cannot be written, trying again" in (full.data / "services.log").read_bytes())
        archive = Archive.of(full)
        named = {Path(file.path(each)).name for each in range(2) for file in archive.manifest(each).files}
        left = {path.name for path in small.rglob("*") if path.is_file() and path.suffix != ".json"}
        assert left == named, "a part of a file was left behind"
        disk.free(archiver.pid)
        until_archived(full)
        assert problems(full, set()) == []
        archiver.terminate()
        assert archiver.wait(timeout=60) == 0
    finally:
        unmount(small)


def test_the_command_says_what_there_is_and_what_is_wrong(quick: Settings, spawn: Spawn) -> None:
    send(quick, list(events(500)))
    spawn("presence.archive", quick)
    until_archived(quick)

    def presence(*words: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {
            "PRESENCE_KAFKA": quick.kafka, "PRESENCE_NAMESPACE": quick.namespace, "PRESENCE_DATA": str(quick.data)
        }  # fmt: skip
        command = [sys.executable, "-m", "presence.cli.main", "archive", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    status = [json.loads(line) for line in presence("status", "--json").stdout.splitlines()]
    assert {each["partition"]: each["next_offset"] for each in status} == ends(quick)
    fine = presence("verify", "--against-log", "--json")
    assert fine.returncode == 0
    assert all(json.loads(line)["compared"] for line in fine.stdout.splitlines())
    archive = Archive.of(quick)
    path = archive.manifest(1).files[0].path(1)
    (Path(archive.url.removeprefix("file://")) / quick.topics.activity / path).unlink()
    harmed = presence("verify")
    assert (harmed.returncode, f"missing: {path}" in harmed.stdout) == (1, True)
