"""The company one keeps, on real Kafka and real scoring: who it lifts, who drops out, and that it is written once."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest
from tests.integration.lives import followed, logged, steady_expert
from tests.integration.scored import newest_offsets, scores

from presence.clock.service import last_midnight
from presence.events.vocabulary import Event, EventId, Kind, PersonId
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import read_to_end
from presence.log.revision import decode
from presence.log.settings import Settings
from presence.log.topics import DAY_MS
from presence.v1.score_pb2 import Score

RESPECTED = [PersonId(f"p_respected_{number}") for number in range(6)]
NEWCOMER, VETERAN, LONER = (PersonId(f"p_{name}") for name in ("newcomer", "veteran", "loner"))
MIDNIGHT_MS = last_midnight(now_ms())
BEFORE_MS = MIDNIGHT_MS - DAY_MS


def run_once(settings: Settings, data: Path | None = None) -> dict[str, int]:
    """What `presence associates run --once --json` says."""
    environment = os.environ | {
        "PRESENCE_KAFKA": settings.kafka,
        "PRESENCE_NAMESPACE": settings.namespace,
        "PRESENCE_DATA": str(data or settings.data),
    }
    command = [sys.executable, "-m", "presence.cli.main", "associates", "run", "--once", "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=240)
    told: dict[str, int] = json.loads(done.stdout)
    return told


def company(settings: Settings) -> list[Event]:
    """Every record of company in the log."""
    records = read_to_end(settings, settings.topics.activity)
    events = (codec.decode(record.value) for record in records)
    return [event for event in events if event.kind == Kind.ASSOCIATES]


def scored(settings: Settings, within_s: float = 180) -> dict[str, Score]:
    """Everybody's score, once each counts the person's newest record and the newest tick."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        wanted = newest_offsets(settings)
        found = {person: Score.FromString(value) for person, value in scores(settings).items()}
        if all(who in found and decode(found[who].revision).offset >= at for who, at in wanted.items()):
            return found
        time.sleep(0.5)
    pytest.fail("not everybody is scored to their newest record")


def lives() -> list[Event]:
    """Six respected people whom a newcomer and a veteran know, and a newcomer without anybody."""
    events = [event for each in RESPECTED for event in steady_expert(each, BEFORE_MS, weeks=20)]
    events += steady_expert(VETERAN, BEFORE_MS, weeks=30)
    events += [*steady_expert(NEWCOMER, BEFORE_MS, weeks=1)][:4]
    events += [*steady_expert(LONER, BEFORE_MS, weeks=1)][:4]
    number = 10**6
    for who in (NEWCOMER, VETERAN):
        for each in RESPECTED:
            number += 2
            events += [followed(who, each, BEFORE_MS, number), followed(each, who, BEFORE_MS, number + 1)]
    # Whom one follows, and who does not follow back, is no company.
    events += [followed(each, LONER, BEFORE_MS, number + 10 + at) for at, each in enumerate(RESPECTED)]
    return events


def test_respected_people_lift_a_newcomer_and_hardly_move_a_veteran(
    found: Settings, spawn: Callable[..., "Popen[bytes]"]
) -> None:
    logged(found, lives(), tick_ms=MIDNIGHT_MS)
    spawn("presence.scoring", found)
    before = scored(found)

    written = run_once(found)
    after = scored(found)
    lift = {who: after[who].presence_millipoints - before[who].presence_millipoints for who in after}
    assert lift[NEWCOMER] >= 500
    assert abs(lift[VETERAN]) * 5 <= lift[NEWCOMER]
    assert lift[LONER] == 0
    assert after[NEWCOMER].associates_millipoints == lift[NEWCOMER]

    told = {event.person: event for event in company(found)}
    assert written == {"tick_ms": MIDNIGHT_MS, "people": len(told), "records": len(told)}
    assert set(told[NEWCOMER].associates) == set(RESPECTED)
    assert told[NEWCOMER].number == len(RESPECTED)
    # The mean is of what they did themselves: nobody's company is in it.
    own = [before[each].presence_millipoints for each in RESPECTED]
    assert told[NEWCOMER].mean == sum(own) // len(own)

    # Again, at the same place and at another one that begins from nothing: the log has nothing new that counts.
    assert run_once(found)["records"] == 0
    run_once(found, data=found.data / "elsewhere")
    assert {codec.encode(event) for event in company(found)} == {
        codec.encode(event) for event in told.values()
    }
    assert {who: score.presence_millipoints for who, score in scored(found).items()} == {
        who: score.presence_millipoints for who, score in after.items()
    }


def test_the_service_goes_on_after_a_kill_and_who_left_counts_no_more(
    found: Settings, spawn: Callable[..., "Popen[bytes]"]
) -> None:
    logged(found, lives(), tick_ms=BEFORE_MS)
    spawn("presence.scoring", found)
    job = spawn("presence.associates", found)
    job.send_signal(signal.SIGKILL)
    job.wait()
    run_once(found)
    first = {event.person: event for event in company(found)}
    assert first[NEWCOMER].number == len(RESPECTED)

    gone, unfollowed = RESPECTED[0], RESPECTED[1]
    (tie,) = (event for event in lives() if event.person == unfollowed and event.actor_person == NEWCOMER)
    undo = Event(kind=Kind.UNDO, id=EventId(5), person=unfollowed, ref_id=tie.id, observed_ms=MIDNIGHT_MS - 2)
    erased = Event(kind=Kind.ERASED, person=gone, observed_ms=MIDNIGHT_MS - 1)
    logged(found, [undo, erased], tick_ms=MIDNIGHT_MS)
    run_once(found)
    second = {event.person: event for event in company(found)}
    assert second[NEWCOMER].observed_ms == MIDNIGHT_MS
    assert set(second[NEWCOMER].associates) == set(RESPECTED[2:])
    assert second[VETERAN].number == len(RESPECTED) - 1


def test_who_works_there_already_is_said(found: Settings, spawn: Callable[..., "Popen[bytes]"]) -> None:
    logged(found, [])
    job = spawn("presence.associates", found)
    owner = found.data / "associates" / found.namespace / "data.mdb"
    while not owner.exists():
        assert job.poll() is None
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run_once(found)
    assert refused.value.returncode == 2
    assert "another job is at work" in refused.value.stderr
    job.send_signal(signal.SIGTERM)
    assert job.wait(30) == 0
