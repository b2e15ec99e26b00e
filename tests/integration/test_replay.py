"""Replay beside real scoring on real Kafka: verified to the byte, told where it differs, published twice."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from subprocess import Popen
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from presence.chaos.story import Story
from presence.cli.replay import app
from presence.events.errors import CallerError
from presence.events.vocabulary import NOBODY
from presence.log import codec
from presence.log.kafka import ensure_topics, producer, read_to_end
from presence.log.settings import Settings
from presence.v1 import score_pb2

Spawn = Callable[..., "Popen[bytes]"]
EVENTS, PEOPLE = 6_000, 400


def replay(settings: Settings, *arguments: str) -> Result:
    """The command in this process, whose exit code and output it gives."""
    environment = {
        "PRESENCE_KAFKA": settings.kafka,
        "PRESENCE_NAMESPACE": settings.namespace,
        "PRESENCE_DATA": str(settings.data),
    }
    return CliRunner().invoke(
        app, [*arguments, "--from", "kafka", "--json", "--processes", "1"], env=environment
    )


def told(done: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def scored(found: Settings, spawn: Spawn) -> dict[str, bytes]:
    """A log with everything in it, scored by a real worker, which runs on; the newest scores."""
    ensure_topics(found)
    sender = producer(found)
    for event in Story(11, EVENTS, PEOPLE):
        value, key = codec.encode(event), event.person.encode() or None
        if event.person == NOBODY:
            for partition in range(found.partitions):
                sender.send(found.topics.activity, key=key, value=value, partition=partition)
        else:
            sender.send(found.topics.activity, key=key, value=value)
    sender.flush()
    sender.close()
    spawn("presence.scoring", found)
    deadline = time.monotonic() + 180
    while replay(found, "verify", "--wait", "0").exit_code == 2:
        assert time.monotonic() < deadline, "the worker does not catch up"
    return newest(found)


def newest(settings: Settings) -> dict[str, bytes]:
    every = {record.key.decode(): record.value for record in read_to_end(settings, settings.topics.scores)}
    return {person: value for person, value in every.items() if value is not None}


def test_replay_agrees_with_live_scoring_to_the_byte_and_says_where_it_does_not(
    found: Settings, scored: dict[str, bytes]
) -> None:
    equal = replay(found, "verify")
    verdict = told(equal)
    assert (equal.exit_code, verdict["verdict"]) == (0, "equal")
    assert verdict["scores_equal"] >= len(scored) > 300
    assert verdict["states_equal"] >= len(scored)
    assert verdict["stores"] == 2

    for _ in range(2):  # Published twice it says the same.
        done = replay(
            found, "--from", "kafka", "--to", "topic", "--variant", "again", "--json", "--processes", "1"
        )
        assert told(done)["people"] == len(scored)
        assert newest(replace(found, variant="again")) == scored
    refused = replay(found, "--to", "topic", "--variant", "")
    assert isinstance(refused.exception, CallerError)
    assert "where live scores are" in str(refused.exception)

    person = sorted(scored)[7]
    score = score_pb2.Score.FromString(scored[person])
    score.waterfall[0].millipoints += 1
    forged = score.SerializeToString(deterministic=True)
    partition = next(r.partition for r in read_to_end(found, found.topics.scores) if r.key == person.encode())
    sender = producer(found)
    sender.send(found.topics.scores, key=person.encode(), value=forged, partition=partition).get(30)
    sender.close()
    differs = replay(found, "verify")
    assert differs.exit_code == 1
    first = told(differs)["first"]
    assert (first["person"], first["partition"], first["field"]) == (
        person, partition, "waterfall[0].millipoints",
    )  # fmt: skip
    assert first["live"] == first["replayed"] + 1


def test_without_live_scores_nothing_can_be_said(found: Settings) -> None:
    ensure_topics(found)
    sender = producer(found)
    for event in Story(2, 50, 5):
        sender.send(found.topics.activity, key=event.person.encode() or None, value=codec.encode(event))
    sender.close()
    done = replay(found, "verify", "--wait", "0")
    assert (done.exit_code, told(done)["verdict"]) == (2, "cannot say")
