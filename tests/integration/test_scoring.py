"""The scoring worker against real Kafka: killed at a bad moment, fed what it cannot read, stopped politely."""

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import Popen

import pytest
from tests.integration.scored import scores, wait_until_scored

from presence.demo.frames import frames
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
    TimeQuality,
    Verb,
)
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import ensure_topics, producer, read_to_end
from presence.log.settings import Settings
from presence.scoring.publisher import Publisher
from presence.v1 import score_pb2

Spawn = Callable[..., "Popen[bytes]"]
FRAMES = 50_000


def copy_log(source: Settings, target: Settings) -> None:
    """The same records at the same offsets in another deployment's log."""
    ensure_topics(target)
    sender = producer(target)
    for record in read_to_end(source, source.topics.activity):
        sender.send(target.topics.activity, key=record.key, value=record.value, partition=record.partition)
    sender.flush()
    sender.close()


@pytest.fixture
def settings(kafka: str, namespace: str, tmp_path: Path) -> Settings:
    found = Settings(kafka=kafka, namespace=namespace, data=tmp_path / "data")
    ensure_topics(found)
    return found


def test_kill_9_in_the_middle_changes_no_byte_of_any_score(
    settings: Settings, spawn: Spawn, tmp_path: Path
) -> None:
    recorded = tmp_path / "frames.jsonl"
    recorded.write_bytes(b"\n".join(frames(FRAMES, end_ms=now_ms() - 60_000)) + b"\n")
    worker = spawn("presence.scoring", settings)
    ingest = spawn(
        "presence.cli.main", settings, "ingest", "bluesky", "--file", str(recorded), "--mode", "open"
    )
    for people in (20, 150):
        while len(scores(settings)) < people:
            time.sleep(0.05)
        worker.send_signal(signal.SIGKILL)
        worker.wait()
        worker = spawn("presence.scoring", settings)
    assert ingest.wait(timeout=120) == 0
    disturbed = wait_until_scored(settings)
    assert len(disturbed) > 200

    undisturbed = Settings(
        kafka=settings.kafka, namespace=f"{settings.namespace}-copy", data=tmp_path / "copy"
    )
    copy_log(settings, undisturbed)
    spawn("presence.scoring", undisturbed)
    assert wait_until_scored(undisturbed) == disturbed


def test_what_cannot_be_read_is_one_dead_letter_each_and_stops_nothing(
    settings: Settings, spawn: Spawn
) -> None:
    sender = producer(settings)
    good = list(_events())
    bad = {
        "not_protobuf": b"\xff\xff\xff",
        "too_long": b"\x22" + bytes(codec.RECORD_BYTES_MAX),
        "kind": b"",
        "unknown_word": b"\x10\x7f",
    }
    for event in good[:1]:
        sender.send(
            settings.topics.activity, key=event.person.encode(), value=codec.encode(event), partition=0
        )
    for value in bad.values():
        sender.send(settings.topics.activity, key=b"p", value=value, partition=0)
    sender.send(settings.topics.activity, key=b"somebody else", value=codec.encode(good[1]), partition=0)
    sender.send(
        settings.topics.activity, key=good[1].person.encode(), value=codec.encode(good[1]), partition=0
    )
    sender.flush()
    sender.close()
    worker = spawn("presence.scoring", settings)
    deadline = time.monotonic() + 60
    while len(scores(settings)) < 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    letters = list(read_to_end(settings, settings.topics.dlq))
    assert sorted(dict(letter.headers)["reason"].decode() for letter in letters) == sorted([*bad, "key"])
    assert {letter.value for letter in letters} == {b""}, "the bytes stand in the log alone"
    positions = [dict(letter.headers)["position"].decode() for letter in letters]
    assert positions == [f"{settings.topics.activity}/0/{offset}" for offset in range(1, 6)]
    assert score_pb2.Score.FromString(scores(settings)[good[0].person]).events == 2
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=10) == 0


def test_a_worker_that_was_taken_over_cannot_publish_and_ends(settings: Settings, spawn: Spawn) -> None:
    event = next(_events())
    send(settings, event)
    worker = spawn("presence.scoring", settings)
    before = wait_until_scored(settings)
    asyncio.run(_take_over(settings))
    send(settings, replace(event, id=EventId(2)))
    assert worker.wait(timeout=60) != 0
    assert scores(settings) == before


async def _take_over(settings: Settings) -> None:
    """What another worker does when it is assigned the partitions of one that was taken for dead."""
    for partition in range(settings.partitions):
        publisher = Publisher(settings, partition)
        await publisher.start()
        await publisher.stop()


def send(settings: Settings, *events: Event) -> None:
    sender = producer(settings)
    for event in events:
        sender.send(settings.topics.activity, key=event.person.encode(), value=codec.encode(event))
    sender.flush()
    sender.close()


def _events() -> Iterator[Event]:
    for number in (1, 2):
        yield Event(
            kind=Kind.ACTIVITY,
            id=EventId(number),
            person=PersonId("p_aaaaaaaaaaaaaaaaaaaaaaaaaa"),
            network=Network("bluesky"),
            account=AccountHash(7),
            direction=Direction.TO,
            verb=Verb.LIKE,
            object=Object.NOTE,
            actor=ActorHash(number),
            occurred_ms=now_ms(),
            observed_ms=now_ms(),
            time_quality=TimeQuality.EXACT,
            magnitude=1,
        )
