"""What operators do with scoring: another model beside the first, workers rolled under load, a partition reset."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from threading import Event as Flag
from threading import Thread

import pytest
from tests.integration.scored import scores, wait_until_scored
from tests.service.logs import events

from presence.events.vocabulary import Event
from presence.log import codec
from presence.log.kafka import ensure_topics, producer
from presence.log.settings import Settings
from presence.model.columns import frame
from presence.model.evaluate import evaluate
from presence.model.fold import fold
from presence.model.spec import PACKAGED, load
from presence.model.state import State
from presence.v1 import score_pb2

Spawn = Callable[..., "Popen[bytes]"]
STOP_S = 60


@pytest.fixture
def settings(kafka: str, namespace: str, tmp_path: Path) -> Settings:
    found = Settings(kafka=kafka, namespace=namespace, data=tmp_path / "data")
    ensure_topics(found)
    return found


def lived(count: int, seed: int) -> list[Event]:
    """A log that is about somebody throughout, so that every record has a partition of its own accord."""
    return [event for event in events(count, seed) if event.person]


def send(settings: Settings, log: Sequence[Event], pace: Flag | None = None) -> None:
    """Add `log`; one record at a time, some 200 a second, where a flag paces it."""
    sender = producer(settings)
    for event in log:
        sender.send(settings.topics.activity, key=event.person.encode(), value=codec.encode(event))
        if pace is not None:
            pace.wait(0.005)
    sender.flush()
    sender.close()


def stop(worker: "Popen[bytes]") -> None:
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(STOP_S) == 0


def presence(settings: Settings) -> dict[str, int]:
    found = {person: score_pb2.Score.FromString(value) for person, value in scores(settings).items()}
    return {person: score.presence_millipoints for person, score in found.items()}


def expected(log: Sequence[Event]) -> dict[str, int]:
    """By the model alone, all at once."""
    people = evaluate(fold(State.empty(), frame(log), load()).state, load()).people
    return dict(people.select("person", "presence").rows())


def presence_command(settings: Settings, *arguments: str) -> str:
    environment = os.environ | {
        "PRESENCE_KAFKA": settings.kafka, "PRESENCE_NAMESPACE": settings.namespace, "PRESENCE_DATA": str(settings.data)
    }  # fmt: skip
    command = [sys.executable, "-m", "presence.cli.main", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def sending(settings: Settings, log: Sequence[Event]) -> Iterator[None]:
    """A steady stream of `log`, all of it sent in the end."""
    thread = Thread(target=send, args=(settings, log, Flag()))
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_another_model_is_scored_beside_and_then_served(
    settings: Settings, spawn: Spawn, tmp_path: Path
) -> None:
    log = lived(400, seed=1)
    send(settings, log)
    spawn("presence.scoring", settings)
    first = wait_until_scored(settings)
    file = tmp_path / "presence-2.toml"
    file.write_text(PACKAGED.read_text().replace('name = "presence-1"', 'name = "presence-2"'))
    beside = replace(settings, variant="two", model=file)
    ensure_topics(beside)
    spawn("presence.scoring", beside)
    second = wait_until_scored(beside)
    assert scores(settings) == first, "the first model's scores stay as they are"
    for person, value in second.items():
        old, new = score_pb2.Score.FromString(first[person]), score_pb2.Score.FromString(value)
        assert (old.model.name, new.model.name) == ("presence-1", "presence-2")
        assert old.revision == new.revision
        assert old.presence_millipoints == new.presence_millipoints


def test_workers_are_rolled_one_by_one_under_load(settings: Settings, spawn: Spawn) -> None:
    log = lived(2_500, seed=2)
    named = {name: replace(settings, worker=name) for name in ("a", "b")}
    workers = {name: spawn("presence.scoring", each) for name, each in named.items()}
    with sending(settings, log):
        for name, each in named.items():
            while not scores(settings):
                pass
            stop(workers[name])
            workers[name] = spawn("presence.scoring", each)
    wait_until_scored(settings)
    assert presence(settings) == expected(log)


def test_a_partition_that_was_reset_comes_back_from_its_snapshot_or_the_log(
    settings: Settings, spawn: Spawn
) -> None:
    log = lived(600, seed=3)
    send(settings, log[:300])
    worker = spawn("presence.scoring", settings)
    wait_until_scored(settings)
    assert "up to offset" in presence_command(settings, "scoring", "snapshot")
    stop(worker)
    send(settings, log[300:])
    rows = [
        json.loads(line) for line in presence_command(settings, "scoring", "status", "--json").splitlines()
    ]
    numbers = [row["partition"] for row in rows]
    assert sum(row["lag"] for row in rows) == len(log) - 300
    for number in numbers:
        options = ["--from-log"] if number == numbers[0] else []
        presence_command(settings, "scoring", "reset", "--partition", str(number), *options)
    spawn("presence.scoring", settings)
    wait_until_scored(settings)
    assert presence(settings) == expected(log)
    assert (settings.data / "services.log").read_text().count("restored") == len(numbers) - 1
