"""One soak: the processes under load, what is sampled of them each second, and the comparison at the end."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from presence.broker.ports import free_port
from presence.cli.bench_scoring import Workers, counted, delays_ms, load, settled
from presence.cli.bench_scratch import environment
from presence.client import Client
from presence.demo.latency import percentile
from presence.events.errors import PresenceError, SourceUnavailable
from presence.log.kafka import consumer, ensure_topics, partitions_of
from presence.log.settings import Settings

SAMPLE_S = 1.0
STOP_S = 15
CHUNK_S = 0.1
"""Of the load: what is made at once."""
SETTLE_S = 600.0
AWAY_S_MAX = 20.0
"""For how long a gateway that is restarted may not answer."""
WARM_SHARE = 0.25
"""Of the time: before it, memory may grow. Caches fill, and everybody is met for the first time."""


@dataclass(frozen=True, slots=True)
class Plan:
    """seconds: of load; rate: events a second; roll_s: between two restarts."""

    seconds: float
    rate: int
    people: int
    workers: int
    roll_s: float


@dataclass(frozen=True, slots=True)
class Sample:
    """megabytes: by process, of its own memory, without files that are mapped; lag: records that are not folded."""

    at_s: float
    megabytes: Mapping[str, float]
    lag: int


@dataclass(slots=True)
class Done:
    """What came of it.

    delays_ms: of a sample of scores, from an event's sending to its score's arrival; away_s: the longest time without
    an answer of the gateway.
    """

    plan: Plan
    samples: list[Sample] = field(default_factory=list)
    rolled: list[tuple[float, str]] = field(default_factory=list)
    delays_ms: list[int] = field(default_factory=list)
    calls: int = 0
    failed_calls: int = 0
    away_s: float = 0.0
    not_ended: int = 0
    events: int = 0
    verified: dict[str, Any] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """The figures; `wrong` counts what must not be."""
        names = sorted({name for sample in self.samples for name in sample.megabytes})
        differing = int(self.verified["scores_differ"] + self.verified["states_differ"])
        return {
            "minutes": round(self.plan.seconds / 60, 1),
            "events": self.events,
            "events_per_second": self.plan.rate,
            "restarts": len(self.rolled),
            "p50_ms": percentile(self.delays_ms, 50),
            "p99_ms": percentile(self.delays_ms, 99),
            "lag_records_max": max(sample.lag for sample in self.samples),
            **{f"{name}_megabytes_max": round(max(self.course(name))) for name in names},
            **{f"{name}_megabytes_per_hour": self.slope(name) for name in names},
            "gateway_calls": self.calls,
            "gateway_calls_failed": self.failed_calls,
            "gateway_away_seconds_max": round(self.away_s, 1),
            "not_ended_by_sigterm": self.not_ended,
            "people": int(self.verified["scores_equal"]) + int(self.verified["scores_differ"]),
            "differing": differing,
            "wrong": differing + self.not_ended + (self.away_s > AWAY_S_MAX),
        }

    def course(self, name: str) -> list[float]:
        """The memory of a process over time."""
        return [sample.megabytes[name] for sample in self.samples if name in sample.megabytes]

    def slope(self, name: str) -> float:
        """How fast memory grows after the first quarter, MB an hour, by least squares."""
        warm = [s for s in self.samples if s.at_s > WARM_SHARE * self.plan.seconds and name in s.megabytes]
        if len(warm) < 2:
            return 0.0
        at = np.array([sample.at_s for sample in warm]) / 3600
        return round(float(np.polyfit(at, [sample.megabytes[name] for sample in warm], 1)[0]), 1)


class _Gateway:
    """The gateway's process, two servers of one port under it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.process = self._start()

    def _start(self) -> psutil.Popen:
        with (self._settings.data / "gateway.log").open("ab") as log:
            own = {"PRESENCE_GATEWAY": self._settings.gateway, "PRESENCE_GATEWAY_PROCESSES": "2"}
            return psutil.Popen(
                [sys.executable, "-m", "presence.gateway"],
                env=environment(self._settings) | own,
                stdout=log,
                stderr=log,
            )

    def roll(self) -> bool:
        """Restart it; whether it had ended as it should."""
        ended = _ended(self.process)
        self.process = self._start()
        return ended


def run(settings: Settings, plan: Plan, tell: Callable[[str, float], None]) -> Done:
    """Soak, then wait until all is scored, and compare. Raises SourceUnavailable if a process ends by itself."""
    found = replace(settings, gateway=f"127.0.0.1:{free_port()}")
    ensure_topics(found)
    done = Done(plan)
    crew, gateway = Workers(found, plan.workers), _Gateway(found)
    stopping = threading.Event()
    caller = threading.Thread(target=_call, args=(found.gateway, done, stopping))
    reader = threading.Thread(target=lambda: done.delays_ms.extend(_delays_ms(found, stopping)))
    try:
        _ready(found, crew)
        sender = load(
            found, plan.people, round(plan.seconds * plan.rate), plan.rate, round(plan.rate * CHUNK_S)
        )
        caller.start()
        reader.start()
        _watch(found, done, crew, gateway, sender, tell)
        if sender.wait():
            raise SourceUnavailable("the load ended early")
        done.events = round(plan.seconds * plan.rate)
        tell("waiting for the last scores", plan.seconds)
        _settled(found, crew, done.events)
        stopping.set()
        tell("comparing everybody with a replay", plan.seconds)
        done.verified = _verified(found)
    finally:
        stopping.set()
        for thread in (caller, reader):
            if thread.ident is not None:
                thread.join()
        crew.stop()
        _ended(gateway.process)
    return done


def _watch(  # noqa: PLR0917 (it is called once)
    found: Settings,
    done: Done,
    crew: Workers,
    gateway: _Gateway,
    sender: Any,
    tell: Callable[[str, float], None],
) -> None:
    """Sample until the load ends, and restart one process after the other."""
    began, turn, rolled_s = time.monotonic(), 0, 0.0
    log_end = consumer(found)
    partitions = partitions_of(log_end, found.topics.activity)
    while sender.poll() is None:
        at_s = time.monotonic() - began
        tell("under load", at_s)
        crew.check()
        if gateway.process.poll() is not None:
            raise SourceUnavailable("the gateway has ended; see gateway.log")
        lag = max(0, sum(log_end.end_offsets(partitions).values()) - counted(found))
        done.samples.append(Sample(at_s, _megabytes(crew, gateway), lag))
        if at_s - rolled_s >= done.plan.roll_s:
            rolled_s = at_s
            number = turn % (len(crew.processes) + 1)
            is_worker = number < len(crew.processes)
            ended = crew.roll(number) if is_worker else gateway.roll()
            done.not_ended += not ended
            done.rolled.append((at_s, f"worker-{number}" if is_worker else "gateway"))
            turn += 1
        time.sleep(SAMPLE_S)
    log_end.close()


def _megabytes(crew: Workers, gateway: _Gateway) -> dict[str, float]:
    """Of each worker, and of the gateway with its servers."""
    found = {f"worker_{number}": _own(each) for number, each in enumerate(crew.processes)}
    return found | {"gateway": _own(gateway.process) + sum(map(_own, _children(gateway.process)))}


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _own(process: psutil.Process) -> float:
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1024


def _ended(process: psutil.Popen) -> bool:
    """Whether SIGTERM ends it well, in time."""
    process.terminate()
    try:
        return bool(process.wait(STOP_S) == 0)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait()
        return False


def _call(address: str, done: Done, stopping: threading.Event) -> None:
    """Ask the gateway for the best, again and again; what matters is for how long it did not answer."""
    with Client(address) as client:
        answered_s = time.monotonic()
        while not stopping.wait(SAMPLE_S / 2):
            done.calls += 1
            try:
                client.list_page(page_size=10)
                answered_s = time.monotonic()
            except PresenceError:
                done.failed_calls += 1
            done.away_s = max(done.away_s, time.monotonic() - answered_s)


def _delays_ms(found: Settings, stopping: threading.Event) -> list[int]:
    return delays_ms(found, lambda: None, lambda: not stopping.is_set())


def _ready(found: Settings, crew: Workers) -> None:
    deadline = time.monotonic() + SETTLE_S
    with Client(found.gateway) as client:
        while not client.serving():
            crew.check()
            if time.monotonic() > deadline:
                raise SourceUnavailable("the gateway does not serve; see gateway.log")
            time.sleep(SAMPLE_S)


def _settled(found: Settings, crew: Workers, events: int) -> None:
    deadline = time.monotonic() + SETTLE_S
    while not settled(found, events):
        crew.check()
        if time.monotonic() > deadline:
            raise SourceUnavailable("not everything is scored in time; see workers.log")
        time.sleep(SAMPLE_S)


def _verified(found: Settings) -> dict[str, Any]:
    command = [sys.executable, "-m", "presence.cli.main", "replay", "verify", "--from", "kafka", "--json"]
    ran = subprocess.run(command, env=environment(found), capture_output=True, text=True, check=False)  # noqa: S603 (ours)
    if ran.returncode not in {0, 1}:
        raise SourceUnavailable(
            f"live and replayed scores could not be compared: {ran.stderr.strip()[-500:]}"
        )
    told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return told
