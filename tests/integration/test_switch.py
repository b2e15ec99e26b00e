"""Another model's scores beside the live ones, then in their place: at no older revision, and nothing of the past is changed."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.scored import scores, wait_until_scored
from tests.service.logs import events

from presence.broker.ports import free_port
from presence.client import Client, Score
from presence.events.errors import PresenceError
from presence.log import codec
from presence.log.kafka import ensure_topics, producer
from presence.log.settings import Settings
from presence.model import spec
from presence.roster.people import new_person_id

PATIENCE_S = 240
pytestmark = [
    pytest.mark.timeout(900),
    # A client of kafka-python that is closed while it connects leaves a socket to the collector.
]

Spawn = Callable[..., "subprocess.Popen[bytes]"]


def switch(settings: Settings, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | {
        "PRESENCE_KAFKA": settings.kafka, "PRESENCE_NAMESPACE": settings.namespace, "PRESENCE_DATA": str(settings.data)
    }  # fmt: skip
    command = [sys.executable, "-m", "presence.cli.main", "model", "switch", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def score_by(client: Client, person: str, model: str) -> Score:
    """The score once it is by `model`; a gateway that is begun again refuses calls meanwhile."""
    deadline, last = time.monotonic() + PATIENCE_S, ""
    while time.monotonic() < deadline:
        try:
            found = client.get_score(person)
        except PresenceError as error:
            last = repr(error)
        else:
            last = f"it is by {found.model}"
            if found.model == model:
                return found
        time.sleep(0.2)
    pytest.fail(f"no score by {model}: {last}")


def test_a_new_model_goes_live_when_it_has_caught_up(found: Settings, spawn: Spawn, tmp_path: Path) -> None:
    model = tmp_path / "presence-2.toml"
    model.write_text(spec.PACKAGED.read_text().replace('name = "presence-1"', 'name = "presence-2"', 1))
    first = replace(found, gateway=f"127.0.0.1:{free_port()}")
    second = replace(first, variant="two", model=model)
    ids = {f"p_{number}": new_person_id() for number in range(5)}
    ensure_topics(first)
    sender = producer(first)
    for event in events(600):
        if event.person:
            named = replace(event, person=ids[event.person])
            sender.send(first.topics.activity, key=named.person.encode(), value=codec.encode(named))
    sender.flush()
    sender.close()
    spawn("presence.scoring", first)
    spawn("presence.gateway", first)
    before = wait_until_scored(first)
    early = switch(first, "two", "--wait", "0")
    assert (early.returncode, "two" in early.stderr) == (2, True)
    spawn("presence.scoring", second)
    with Client(first.gateway) as client:
        old = score_by(client, ids["p_1"], "presence-1")
        done = switch(first, "two", "--json")
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert (told["live"], told["model"], told["people"]) == (
            second.topics.scores,
            "presence-2",
            len(before),
        )
        assert score_by(client, ids["p_1"], "presence-2").revision == old.revision
        assert scores(first) == before, "scores of the past were written"
        assert switch(first, "two").returncode == 2
        assert switch(first, "first").returncode == 0
        assert score_by(client, ids["p_1"], "presence-1") == old
