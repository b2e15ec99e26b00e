"""Measures the scoring workers as they run: from a full log to published scores, and how late a score is under load."""

import asyncio
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka import KafkaConsumer

from presence.cli.bench_scratch import cpu_s, environment
from presence.demo.latency import percentile
from presence.events.errors import SourceUnavailable
from presence.log.clock import now_ms
from presence.log.kafka import consumer, ensure_topics, partitions_of
from presence.log.numbered import newest_folder
from presence.log.settings import Settings
from presence.scoring.progress import Progress, progress
from presence.scoring.publisher import aiokafka_security
from presence.scoring.snapshots import Snapshots, copy
from presence.v1 import score_pb2

POLL_S = 0.05
READY_S = 60
STOP_S = 15
DONE_S = 600
SAMPLE = 5
"""Of so many scores one is looked at, so that looking does not disturb."""
RECOVERY_LOAD_S = 10
QUIET_S = 1.0
"""Who has heard of no score for so long, once all are out, has heard of all."""


class Workers:
    """Scoring workers as processes, and what they use."""

    def __init__(self, settings: Settings, number: int, env: Mapping[str, str] = {}) -> None:
        """`env`: more of their environment."""
        settings.scoring.mkdir(parents=True, exist_ok=True)
        self._settings = settings
        self._env = dict(env)
        self.processes = [self._start(each) for each in range(number)]

    def _start(self, number: int) -> psutil.Popen:
        with (self._settings.data / "workers.log").open("ab") as log:
            return psutil.Popen(
                [sys.executable, "-m", "presence.scoring"],
                env=environment(self._settings) | self._env | {"PRESENCE_WORKER": f"bench-{number}"},
                stdout=log,
                stderr=log,
            )

    def kill_one(self) -> None:
        """Kill the first with SIGKILL and start it again under its name."""
        self.processes[0].kill()
        self.processes[0].wait()
        self.processes[0] = self._start(0)

    def roll(self, number: int) -> bool:
        """Restart one politely, under its name; whether it had ended well, in time."""
        process = self.processes[number]
        process.terminate()
        try:
            ended = process.wait(STOP_S) == 0
        except psutil.TimeoutExpired:
            process.kill()
            process.wait()
            ended = False
        self.processes[number] = self._start(number)
        return ended

    def start_again(self) -> None:
        """As many as were stopped, under their names."""
        self.processes = [self._start(each) for each in range(len(self.processes))]

    def peak_megabytes(self) -> int:
        """The largest that any of them ever was in memory."""
        status = [Path(f"/proc/{process.pid}/status").read_text() for process in self.processes]
        peaks = [line.split()[1] for text in status for line in text.splitlines() if line.startswith("VmHWM")]
        return max(map(int, peaks)) // 1024

    def check(self) -> None:
        """Raises SourceUnavailable if one has ended."""
        if any(process.poll() is not None for process in self.processes):
            raise SourceUnavailable("a worker has ended; see workers.log")

    def stop(self) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait(STOP_S)


def load(
    settings: Settings, people: int, events: int, rate: int, chunk: int = 0
) -> "subprocess.Popen[bytes]":
    """See `bench_load`."""
    numbers = map(str, (people, events, rate, chunk))
    command = [sys.executable, "-m", "presence.cli.bench_load", *numbers]
    return subprocess.Popen(command, env=environment(settings))  # noqa: S603 (our own module)


def drain(settings: Settings, events: int, people: int, workers: int) -> tuple[dict[str, Any], Workers]:
    """Fill the log, start the workers, and wait until every score is out. The workers run on."""
    ensure_topics(settings)
    if load(settings, people, events, 0).wait():
        raise SourceUnavailable("the log could not be filled")
    started = time.monotonic()
    running = Workers(settings, workers)
    _wait(lambda: any(progress(settings.scoring)), running, READY_S)
    ready_s, start_cpu_s = time.monotonic() - started, cpu_s(running.processes)
    _wait(lambda: settled(settings, events), running, DONE_S)
    seconds = time.monotonic() - started - ready_s
    used_s = cpu_s(running.processes) - start_cpu_s
    size_bytes = sum(each.size_bytes for each in progress(settings.scoring))
    scored = sum(each.people for each in progress(settings.scoring))
    return {
        "case": "drain",
        "events": counted(settings),
        "people": scored,
        "workers": workers,
        "seconds": round(seconds, 2),
        "events_per_second": round(events / seconds),
        "cpu_seconds_per_million": round(used_s / events * 1e6, 2),
        "start_seconds": round(ready_s, 2),
        "start_cpu_seconds": round(start_cpu_s, 2),
        "peak_megabytes_per_worker": running.peak_megabytes(),
        "state_bytes_per_person": round(size_bytes / scored),
        "state_bytes_per_event": round(size_bytes / events),
    }, running


def sustained(settings: Settings, people: int, events: int, running: Workers) -> dict[str, Any]:
    """How many events a second the workers score while the load comes in beside them, as fast as it can."""
    before = counted(settings)
    producer = load(settings, people, events, 0)
    _wait(lambda: counted(settings) > before, running, READY_S)
    began, before_s = time.monotonic(), cpu_s(running.processes)
    _wait(lambda: settled(settings, before + events), running, DONE_S)
    seconds = time.monotonic() - began
    producer.wait()
    return {
        "case": "sustained",
        "events": counted(settings) - before,
        "seconds": round(seconds, 2),
        "events_per_second": round(events / seconds),
        "cpu_seconds_per_million": round((cpu_s(running.processes) - before_s) / events * 1e6, 2),
    }


def latency(
    settings: Settings, people: int, running: Workers, *, rate: int, percent: int, seconds: int
) -> dict[str, Any]:
    """How late scores are while `rate` events a second come in: from the event's sending to its score's arrival."""
    before, before_s, began = counted(settings), cpu_s(running.processes), time.monotonic()
    events = rate * seconds
    producers: list[subprocess.Popen[bytes]] = []

    def going() -> bool:
        # Whose scores are later than all others must not be left out: read on until all are out.
        running.check()
        if time.monotonic() - began > seconds + DONE_S:
            raise _not_done()
        return producers[0].poll() is None or not settled(settings, before + events)

    found = delays_ms(settings, lambda: producers.append(load(settings, people, events, rate)), going)
    return {
        "case": "latency",
        "load_percent": percent,
        "events": counted(settings) - before,
        "events_per_second": rate,
        "seconds": round(time.monotonic() - began, 1),
        "p50_ms": percentile(found, 50),
        "p99_ms": percentile(found, 99),
        "scores_sampled": len(found),
        "cpu_seconds_per_million": round((cpu_s(running.processes) - before_s) / events * 1e6, 2),
    }


def delays_ms(settings: Settings, ready: Callable[[], None], going: Callable[[], bool]) -> list[int]:
    """Of a sample of the scores of one partition, which speaks for all: reading every score would be half the load.

    `ready` is called when the reader is; it reads while it is `going`, and until it has heard nothing for QUIET_S.
    """
    return asyncio.run(_delays_ms(settings, ready, going))


async def _delays_ms(settings: Settings, ready: Callable[[], None], going: Callable[[], bool]) -> list[int]:
    reader = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka, isolation_level="read_committed", **aiokafka_security(settings)
    )
    partition = TopicPartition(settings.topics.scores, 0)
    found: list[int] = []
    quiet_s = 0.0
    async with reader:
        reader.assign([partition])
        await reader.seek_to_end(partition)
        await reader.position(partition)
        ready()
        while going() or quiet_s < QUIET_S:
            asked = time.monotonic()
            polled = await reader.getmany(partition, timeout_ms=20)
            quiet_s = 0.0 if polled else quiet_s + time.monotonic() - asked
            now = now_ms()
            for record in polled.get(partition, ())[::SAMPLE]:
                score = score_pb2.Score.FromString(record.value)
                found.append(now - score.as_of_time.ToMilliseconds())
    return found


def recovery(settings: Settings, people: int, rate: int, running: Workers) -> dict[str, Any]:
    """How long after kill -9 of one worker every partition has published a score of an event since."""
    reader = _at_the_end(settings)
    waiting = {partition.partition for partition in reader.assignment()}
    producer = load(settings, people, rate * RECOVERY_LOAD_S, rate)
    while not reader.poll(timeout_ms=100):
        running.check()
    killed, killed_ms = time.monotonic(), now_ms()
    running.kill_one()
    while waiting and time.monotonic() - killed < READY_S:
        for partition, records in reader.poll(timeout_ms=20).items():
            newest = score_pb2.Score.FromString(records[-1].value).as_of_time.ToMilliseconds()
            if newest > killed_ms:
                waiting.discard(partition.partition)
    seconds = time.monotonic() - killed
    producer.wait()
    reader.close()
    return {
        "case": "recovery",
        "workers": len(running.processes),
        "seconds": round(seconds, 2),
        "silent_partitions": len(waiting),
    }


def restore(settings: Settings, workers: int) -> dict[str, Any]:
    """How long fresh workers take until every partition stands where its snapshot was. No worker may run."""
    before = list(progress(settings.scoring))
    snapshots = Snapshots(settings.snapshots_url, settings.namespace)
    began, taken = time.monotonic(), 0
    for each in before:
        folder = newest_folder(settings.scoring / f"partition-{each.partition}")
        if folder is not None:
            snapshot = snapshots.take(each.partition, folder.with_suffix(".bench"), partial(copy, folder))
            taken += snapshot.size_bytes if snapshot else 0
    took_s = time.monotonic() - began
    shutil.rmtree(settings.scoring)
    began = time.monotonic()
    running = Workers(settings, workers)
    _wait(lambda: list(progress(settings.scoring)) != [] and _stands(settings, before), running, READY_S)
    seconds = time.monotonic() - began
    running.stop()
    return {
        "case": "restore",
        "people": sum(each.people for each in before),
        "snapshot_seconds": round(took_s, 2),
        "snapshot_megabytes": round(taken / 2**20, 1),
        "seconds_with_start": round(seconds, 2),
    }


def _stands(settings: Settings, before: list[Progress]) -> bool:
    now = {each.partition: each.offset for each in progress(settings.scoring)}
    return all(now.get(each.partition, 0) >= each.offset for each in before)


def _at_the_end(settings: Settings) -> KafkaConsumer:
    """A reader of the scores that are published from now on."""
    reader = consumer(settings)
    partitions = partitions_of(reader, settings.topics.scores)
    reader.assign(partitions)
    reader.seek_to_end(*partitions)
    for partition in partitions:
        reader.position(partition)
    return reader


def counted(settings: Settings) -> int:
    """How many events all partitions have counted."""
    return sum(each.offset for each in progress(settings.scoring))


def settled(settings: Settings, events: int) -> bool:
    """Whether so many events are counted, and every score is out."""
    found = list(progress(settings.scoring))
    return sum(each.offset for each in found) >= events and not any(each.unpublished for each in found)


def _wait(condition: Any, running: Workers, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        running.check()
        if time.monotonic() > deadline:
            raise _not_done()
        time.sleep(POLL_S)


def _not_done() -> SourceUnavailable:
    return SourceUnavailable("the workers are not done in time; see workers.log")
