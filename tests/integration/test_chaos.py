"""The chaos harness itself, small: real Kafka, real workers, real faults; what it sees, and that it leaves nothing."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import psutil
import pytest

from presence.chaos.guard import MARK, guarded
from presence.chaos.plan import Fault, Options
from presence.chaos.run import run
from presence.chaos.watcher import Watcher
from presence.log.kafka import ensure_topics, producer
from presence.log.revision import Revision, encode
from presence.log.settings import Settings
from presence.v1.score_pb2 import Score

WITHIN_S = 90


def wait_until(holds: Callable[[], bool], what: str) -> None:
    give_up_at_s = time.monotonic() + WITHIN_S
    while not holds():
        if time.monotonic() > give_up_at_s:
            pytest.fail(f"not within {WITHIN_S} s: {what}")
        time.sleep(0.05)


def marked() -> dict[str, list[psutil.Process]]:
    """The workers of running harnesses, by scratch folder."""
    found: dict[str, list[psutil.Process]] = {}
    for process in psutil.process_iter():
        try:
            if folder := process.environ().get(MARK):
                found.setdefault(folder, []).append(process)
        except psutil.Error:
            continue
    return found


def test_faults_change_nobodys_score(tmp_path: Path) -> None:
    faults = MappingProxyType({Fault.KILL: 2, Fault.NETWORK_LOSS: 1})
    options = Options(
        events=8_000,
        people=300,
        partitions=4,
        workers=2,
        seed=5,
        duplicates_percent=10,
        shuffle=True,
        faults=faults,
    )
    with guarded(tmp_path):
        result = run(options, tmp_path, lambda _: None)
    assert result.right, result
    assert result.verdict.people > 200
    assert result.faults == faults
    assert result.records > 8_000


def test_a_harness_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    harness = subprocess.Popen(
        [sys.executable, "-m", "presence.cli.main", "chaos", "--kills", "0"],
        env={"TMPDIR": str(tmp_path), "PATH": ""},
    )
    wait_until(lambda: any(folder.startswith(str(tmp_path)) for folder in marked()), "a worker runs")
    (scratch,) = (folder for folder in marked() if folder.startswith(str(tmp_path)))
    harness.kill()
    harness.wait()

    def in_scratch() -> list[psutil.Process]:
        return [
            each
            for each in psutil.process_iter(["cmdline"])
            if scratch in " ".join(each.info["cmdline"] or ())
        ]

    wait_until(lambda: not marked().get(scratch) and not in_scratch(), "workers, guard and broker are gone")


def test_the_watcher_sees_a_score_go_back_and_an_erased_person_return(kafka: str, namespace: str) -> None:
    settings = Settings(kafka=kafka, namespace=namespace)
    ensure_topics(settings)
    watcher = Watcher(settings)
    sender = producer(settings)

    def publish(person: str, offset: int | None) -> None:
        score = None if offset is None else Score(person=person, revision=encode(Revision(0, offset)))
        value = None if score is None else score.SerializeToString()
        sender.send(settings.topics.scores, key=person.encode(), value=value, partition=0)

    for offset in (7, 7, 9):
        publish("p_forward", offset)
    for erased_or_offset in (3, None, None):
        publish("p_erased", erased_or_offset)
    sender.flush()
    wait_until(lambda: watcher.records == 6, "six records are read")
    assert watcher.revisions_back == 0
    publish("p_forward", 8)
    publish("p_erased", 12)
    sender.flush()
    wait_until(lambda: watcher.records == 8, "eight records are read")
    assert watcher.revisions_back == 2
    assert watcher.newest["p_forward"].offset == 9
    assert watcher.newest["p_erased"].offset is None
    watcher.check()
    watcher.close()
    sender.close()
