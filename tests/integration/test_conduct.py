"""One inappropriate post: from the webhook to the score, with real processes, and back."""

import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from subprocess import Popen
from typing import Any

import httpx
import pytest
from tests.integration.lives import logged, steady_expert

from presence.client import Client, Score
from presence.events.vocabulary import Category, Decision, Grounds, Network, PersonId, PersonKind, Severity
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import ensure_topics, read_to_end
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.people import ConsentBasis

pytestmark = [
    pytest.mark.timeout(600),
]

WAIT_S = 180
TODAY = datetime.now(UTC).isoformat(timespec="seconds")
"""A finding is as old as its post, and an old one takes less."""
measured = logging.getLogger("measured")
"""`--log-cli-level=INFO` shows it; a time is no test."""
BO = "https://forum.example/users/bo"
THREAT = "I know where you live and I will kill you, count on it."
HEADERS = {"authorization": "Bearer token", "content-type": "application/activity+json"}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def enrolled(found: Settings) -> PersonId:
    ensure_topics(found)
    follower = Follower(found, MasterKey.load(found))
    follower.catch_up()
    enrolment = Enrolment(found, MasterKey.load(found), follower)
    (person,) = enrolment.enrol([NewPerson(PersonKind.PERSON, Network("other"), BO, ConsentBasis.GRANTED)])
    enrolment.close()
    follower.close()
    return person


def note(number: int, text: str) -> dict[str, Any]:
    return {
        "id": f"https://forum.example/acts/{number}",
        "type": "Create",
        "actor": BO,
        "object": {"id": f"https://forum.example/posts/{number}", "type": "Note", "content": text},
        "published": TODAY,
    }


def until(gateway: Client, person: str, holds: Callable[[Score], bool]) -> Score:
    """The score of `person` once it is as wanted."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if person not in gateway.batch_get_scores([person]).not_found:
            score = gateway.get_score(person)
            if holds(score):
                return score
        time.sleep(0.02)
    pytest.fail("the score never became what it should")


def presence(found: Settings, *arguments: str) -> Any:
    """What `presence ... --json` prints, line by line."""
    environment = os.environ | {
        "PRESENCE_KAFKA": found.kafka,
        "PRESENCE_NAMESPACE": found.namespace,
        "PRESENCE_DATA": str(found.data),
        "PRESENCE_GATEWAY": found.gateway,
    }
    command = [sys.executable, "-m", "presence.cli.main", *arguments, "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_severe_post_destroys_a_steady_experts_score_and_withdrawing_the_finding_restores_it(
    found: Settings,
    spawn: Callable[..., "Popen[bytes]"],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = replace(found, gateway=f"127.0.0.1:{free_port()}")
    person = enrolled(found)
    logged(found, [*steady_expert(person, now_ms(), weeks=20)][1:])
    port = free_port()
    monkeypatch.setenv("PRESENCE_DOOR_TOKEN", "token")
    for module in ("presence.scoring", "presence.gateway"):
        spawn(module, found)
    spawn("presence.cli.main", found, "ingest", "webhooks", "other", "--port", str(port))
    door = f"http://127.0.0.1:{port}/door"

    with Client(found.gateway, timeout_s=WAIT_S) as gateway:
        deadline = time.monotonic() + WAIT_S
        while not gateway.serving():
            assert time.monotonic() < deadline
            time.sleep(0.2)
        until(gateway, person, lambda score: score.presence >= 50_000)
        arrive(door, note(1, "An ordinary post about event streams."))
        steady = until(gateway, person, lambda score: any(each.network == "other" for each in score.accounts))

        arrive(door, note(2, THREAT))
        arrived = time.monotonic()
        fallen = until(gateway, person, lambda score: score.presence * 5 < steady.presence)
        measured.info("from the post's 200 to the fallen score: %.3f s", time.monotonic() - arrived)

        explanation = gateway.explain_score(person)
        assert explanation.reasons[-1].entry == "conduct"
        assert explanation.reasons[-1].millipoints == fallen.presence - sum(
            each.millipoints for each in explanation.reasons[:-1]
        )
        (finding,) = gateway.list_findings(person)
        assert (finding.severity, finding.category, finding.withdrawn) == (
            Severity.SEVERE,
            Category.THREAT,
            False,
        )
        assert (finding.moderator, finding.decision) == ("rules", Decision.FOUND)
        assert finding.link == "https://forum.example/acts/2"
        (shown,) = presence(found, "score", person)
        assert list(shown["recovery_in_days"]) == ["30", "90", "180"]
        assert fallen.presence < shown["recovery_in_days"]["30"] < shown["recovery_in_days"]["180"]

        (appealed,) = presence(found, "appeal", person, finding.id, "--note", "It was a line of a play.")
        assert (appealed["decision"], appealed["withdrawn"]) == ("appealed", False)
        (withdrawn,) = presence(
            found, "unflag", person, finding.id, "--grounds", "quotation", "--note", "A line of a play."
        )
        assert (withdrawn["withdrawn"], withdrawn["operator"]) == (True, "local")
        restored = until(gateway, person, lambda score: score.presence > fallen.presence)
        # Withdrawn, the score is that of the very same acts without the finding, to the thousandth of a point.
        assert [each for each in restored.waterfall if each.entry == "conduct"] == []
        unharmed = sum(each.millipoints for each in explanation.reasons if each.entry != "conduct")
        assert restored.presence == unharmed

        (known,) = gateway.list_findings(person)
        assert (known.withdrawn, known.grounds, known.note) == (True, Grounds.QUOTATION, "A line of a play.")
        # The post is met again: what was decided stands.
        arrive(door, note(2, THREAT))
        (again,) = presence(found, "flag", person, "minor", "other", "--note", "For the test.")
        until(gateway, person, lambda score: score.presence < restored.presence)
        assert {each.id: each.withdrawn for each in gateway.list_findings(person)} == {
            finding.id: True,
            again["id"]: False,
        }

    everything = [
        record
        for topic in (found.topics.activity, found.topics.dlq, found.topics.reasons, found.topics.scores)
        for record in read_to_end(found, topic)
    ]
    said = b"".join((record.key or b"") + (record.value or b"") for record in everything)
    said += (found.data / "services.log").read_bytes()
    for words in (b"kill you", b"line of a play", b"event streams", b"forum.example"):
        assert words not in said
    story = [
        codec.decode(record.value)
        for record in everything
        if record.topic == found.topics.activity and record.value
    ]
    decisions = [event.decision for event in story if event.ref_id == int(finding.id, 16)]
    assert set(decisions) == {Decision.FOUND, Decision.APPEALED, Decision.WITHDRAWN}


def arrive(door: str, act: dict[str, Any]) -> None:
    """A post arrives: answered once it is in the log."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            answer = httpx.post(door, content=json.dumps(act), headers=HEADERS, timeout=30)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code == 200:
            return
        assert time.monotonic() < deadline
        time.sleep(0.2)
