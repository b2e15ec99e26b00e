"""Measures the fan-out of watches: how many messages one change is worth, counted by a program in Go (`bench/load`)."""

import json
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from presence.cli.bench_calls import Load
from presence.cli.bench_people import person, score
from presence.cli.bench_scratch import cpu_s
from presence.events.errors import SourceUnavailable
from presence.log.kafka import producer
from presence.log.settings import Settings

READY_S = 300
CHANGED = 20
"""Scores that change at once: they travel in one message."""
PAUSE_S_MIN = 0.002
PAUSE_S_OF_ONE = 0.000_05
"""Between two changes, for each watcher: about what telling one takes of a core."""


def fan_out(
    settings: Settings,
    servers: list[psutil.Process],
    load: Load,
    *,
    people: int,
    watchers: Iterable[int],
    revisions: Iterator[int],
) -> Iterator[dict[str, Any]]:
    """A row for each number of watchers, who all watch everybody, while scores change to the next of `revisions`.

    Raises SourceUnavailable if the load generator fails.
    """
    for number in watchers:
        pause_s = max(PAUSE_S_MIN, number * PAUSE_S_OF_ONE)
        with _watching(settings.gateway, load.path, number) as counting:
            before_s, begun = cpu_s(servers), time.monotonic()
            changed = _change(settings, people, revisions, pause_s=pause_s, seconds=load.seconds)
            # What was sent last is still on its way to some.
            time.sleep(2 * pause_s)
            used_s, took_s = cpu_s(servers) - before_s, time.monotonic() - begun
            found = _ended(counting)
        yield {
            "case": "WatchScores",
            "watchers": number,
            "processes": len(servers),
            "changes_per_s": round(changed / took_s),
            "messages_per_s": round(found["messages"] / found["seconds"]),
            "messages_per_core_s": round(found["messages"] / used_s),
            "scores_per_s": round(found["scores"] / found["seconds"]),
            "share_of_changes_told": round(found["scores"] / (number * changed), 3),
            "megabytes_per_s": round(found["bytes"] / found["seconds"] / 1e6, 1),
        }


@contextmanager
def _watching(address: str, path: str, number: int) -> Iterator["subprocess.Popen[str]"]:
    """The load generator, once every watcher is up to date."""
    command = [path, "watch", "-address", address, "-watchers", str(number)]
    process = subprocess.Popen(  # noqa: S603 (given by the caller)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    patience = threading.Timer(READY_S, process.kill)
    patience.start()
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise SourceUnavailable(f"{number} watchers did not get ready: {process.communicate()[1][-300:]}")
        patience.cancel()
        yield process
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


def _ended(load: "subprocess.Popen[str]") -> dict[str, Any]:
    out, wrong = load.communicate(timeout=READY_S)
    if load.returncode:
        raise SourceUnavailable(f"the watchers failed: {wrong[-300:]}")
    found: dict[str, Any] = json.loads(out)
    return found


def _change(
    settings: Settings, people: int, revisions: Iterator[int], *, pause_s: float, seconds: int
) -> int:
    """Change scores for that long, CHANGED of them at once; returns how many."""
    writer = producer(settings, linger_ms=0)
    deadline, changed = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        revision = next(revisions)
        for other in range(CHANGED):
            number = (revision * CHANGED + other) % people
            writer.send(settings.topics.scores, key=person(number).encode(), value=score(number, revision))
        changed += CHANGED
        time.sleep(pause_s)
    writer.flush()
    writer.close()
    return changed
