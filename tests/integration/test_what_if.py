"""SimulateScore with hypothetical acts: the gateway asks the scoring worker, and says what the model says."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from subprocess import Popen

import pytest
from tests.integration.scored import wait_until_scored

from presence.client import Client, HypotheticalAct, InvalidArgument, NotFound, Simulation, Unavailable
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
    PersonKind,
    Severity,
    TimeQuality,
    Verb,
)
from presence.gateway.hypothetical import acts as read_acts
from presence.gateway.hypothetical import events as hypothetical_events
from presence.gateway.port import reserved
from presence.gateway.simulate import Finding
from presence.log import codec
from presence.log.kafka import ensure_topics, producer
from presence.log.settings import Settings
from presence.model.columns import frame
from presence.model.fold import fold
from presence.model.simulate import course
from presence.model.spec import load
from presence.model.state import State
from presence.v1 import event_pb2, service_pb2

Spawn = Callable[..., "Popen[bytes]"]
SOMEBODY = PersonId("p_" + "b" * 26)
T0 = 1_790_000_000_000
ACCOUNT = 7
LIKES = HypotheticalAct("x", Verb.LIKE, Object.NOTE, times=200, in_days=3)
PATIENCE_S = 240.0


def life() -> list[Event]:
    enrolled = Event(
        kind=Kind.ENROLLED, id=EventId(1), person=SOMEBODY, person_kind=PersonKind.PERSON, observed_ms=T0
    )
    acts = [
        Event(
            kind=Kind.ACTIVITY, id=EventId(2 + number), person=SOMEBODY, network=Network("x"), account=AccountHash(ACCOUNT),
            direction=Direction.BY if number % 3 == 0 else Direction.TO, verb=Verb.CREATE if number % 3 == 0 else Verb.LIKE,
            object=Object.NOTE, actor=ActorHash(0 if number % 3 == 0 else number), occurred_ms=T0 + number * 3_600_000,
            observed_ms=T0 + number * 3_600_000, magnitude=1, time_quality=TimeQuality.EXACT,
        )
        for number in range(100)
    ]  # fmt: skip
    return [enrolled, *acts]


@pytest.fixture
def settings(found: Settings) -> Settings:
    with reserved("127.0.0.1:0") as address:
        free = address
    return replace(found, gateway=free)


def simulated(client: Client, **more: object) -> Simulation:
    """What the gateway says, once there is somebody to ask."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return client.simulate_score(SOMEBODY, acts=[LIKES], days=30, step_days=3, **more)  # type: ignore[arg-type]
        except (Unavailable, NotFound):
            assert time.monotonic() < deadline
            time.sleep(0.2)


def test_what_if_says_what_the_model_says_and_survives_its_worker(settings: Settings, spawn: Spawn) -> None:
    ensure_topics(settings)
    sender = producer(settings)
    for event in life():
        sender.send(settings.topics.activity, key=event.person.encode(), value=codec.encode(event))
    sender.close()
    worker = spawn("presence.scoring", settings)
    wait_until_scored(settings)
    spawn("presence.gateway", settings)
    with Client(settings.gateway, timeout_s=PATIENCE_S) as client:
        found = simulated(client, findings=[(Severity.MINOR, 9)])

        model = load()
        state = fold(State.empty(), frame(life()), model).state
        as_of_ms = max(event.occurred_ms for event in life())
        asked = read_acts(
            "acts",
            [
                service_pb2.HypotheticalAct(
                    network="x",
                    verb=event_pb2.VERB_LIKE,
                    object=event_pb2.OBJECT_NOTE,
                    times=LIKES.times,
                    in_days=LIKES.in_days,
                )
            ],
        )
        events = hypothetical_events(
            SOMEBODY, as_of_ms, (asked, [Finding(Severity.MINOR, 9)]), {"x": ACCOUNT}, frozenset()
        )
        wanted = course(state, events, model, as_of_ms, range(0, 31, 3))
        assert [point.presence for point in found.curve] == wanted["presence"].to_list()
        assert [point.factor for point in found.curve] == wanted["factor"].to_list()
        untouched, liked, flagged = found.curve[0], found.curve[1], found.curve[3]
        assert untouched.presence == untouched.otherwise == found.presence
        assert liked.otherwise is not None
        assert liked.presence > liked.otherwise
        assert flagged.presence < liked.presence
        assert flagged.factor < 1_000_000 == liked.factor
        on_the_last_day = next(point for point in found.curve if point.in_days == 9)
        assert on_the_last_day.otherwise is not None
        assert (
            sum(reason.millipoints for reason in found.reasons)
            == on_the_last_day.presence - on_the_last_day.otherwise
        )
        # Nothing of it is kept.
        assert client.get_score(SOMEBODY).presence == found.presence
        assert simulated(client, findings=[(Severity.MINOR, 9)]) == found

        done = subprocess.run(
            [
                *(sys.executable, "-m", "presence.cli.main", "simulate", SOMEBODY),
                *("--act", "x:to:like:note*200@3", "--finding", "minor:9", "--days", "9", "--json"),
            ],
            env=os.environ | {"PRESENCE_GATEWAY": settings.gateway},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        curve = json.loads(done.stdout)["curve"]
        assert {row["in_days"]: row["presence"] for row in curve}[9] == on_the_last_day.presence
        with pytest.raises(InvalidArgument, match="step_days"):
            client.simulate_score(SOMEBODY, acts=[LIKES], days=3650, step_days=1)

        worker.send_signal(signal.SIGKILL)
        worker.wait()
        with pytest.raises(Unavailable, match="no scoring worker answers"):
            client.simulate_score(SOMEBODY, acts=[LIKES], timeout_s=20.0)
        assert client.simulate_score(SOMEBODY, [(Severity.MINOR, 9)]).curve  # It needs nobody's state.
        spawn("presence.scoring", settings)
        assert simulated(client, findings=[(Severity.MINOR, 9)]) == found
