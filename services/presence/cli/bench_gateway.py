"""Measures the gateway as it runs: a real broker, real processes, and a load generator written in Go (`bench/load`).

Each method is asked of the gateway and of a bare grpcio servicer in turn, so that both meet the same machine. "Per core" is
per second of CPU that the serving processes used, which other load on the machine does not change.
"""

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import psutil

from presence.broker.ports import free_port
from presence.cli.bench_calls import Load, calls
from presence.cli.bench_people import scores
from presence.cli.bench_scratch import environment
from presence.cli.bench_watch import fan_out
from presence.client import Client
from presence.events.errors import SourceUnavailable
from presence.log.kafka import ensure_topics, producer
from presence.log.settings import Settings

READY_S = 600
LOOK_S = 0.02


class Gateway:
    """A gateway's processes on data of its own."""

    def __init__(self, settings: Settings, processes: int) -> None:
        self._settings = settings
        self._processes = processes
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it, and return the seconds until it serves."""
        log = (self._settings.data / "gateway.log").open("ab")
        given = environment(self._settings) | {
            "PRESENCE_GATEWAY": self._settings.gateway,
            "PRESENCE_GATEWAY_PROCESSES": str(self._processes),
        }
        begun = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "presence.gateway"], env=given, stdout=log, stderr=log
        )
        with Client(self._settings.gateway) as client:
            while not client.serving(timeout_s=1):
                if self._process.poll() is not None or time.monotonic() - begun > READY_S:
                    raise SourceUnavailable(
                        f"the gateway does not serve; see {self._settings.data}/gateway.log"
                    )
                time.sleep(LOOK_S)
        return time.monotonic() - begun

    def kill(self) -> None:
        """As the kernel would, every process."""
        assert self._process is not None
        everyone = [psutil.Process(self._process.pid), *self.servers()]
        for each in everyone:
            each.send_signal(signal.SIGKILL)
        psutil.wait_procs(everyone)
        self._process.wait()

    def megabytes(self) -> list[int]:
        """Resident, of the writer and of each that serves; pages of the read model that they share count for each."""
        assert self._process is not None
        everyone = [psutil.Process(self._process.pid), *self.servers()]
        return [round(each.memory_info().rss / 1e6) for each in everyone]

    def servers(self) -> list[psutil.Process]:
        """The serving processes."""
        assert self._process is not None
        return list(psutil.Process(self._process.pid).children())


def measure(
    found: Settings, load: Load, people: int, processes: Sequence[int], watchers: Sequence[int]
) -> Iterator[dict[str, Any]]:
    """A row for each measurement; calls and watches are asked of gateways with each number of `processes`."""
    settings = replace(found, gateway=f"127.0.0.1:{free_port()}")
    fill(settings, people, revision=1)
    begun = itertools.count(2)
    for place, number in enumerate(processes):
        gateway = Gateway(settings, number)
        seconds = gateway.start()
        try:
            if not place:
                yield {"case": "ready from nothing", "people": people, "seconds": round(seconds, 2)}
                bytes_per_person = round(read_model_bytes(settings) / people)
                yield {"case": "read model", "people": people, "bytes_per_person": bytes_per_person}
                gateway.kill()
                yield {"case": "ready after kill -9", "people": people, "seconds": round(gateway.start(), 2)}
            yield {"case": "memory", "processes": number, "megabytes": gateway.megabytes()}
            yield from calls(settings.gateway, gateway.servers(), load, people=people)
            yield from fan_out(
                settings, gateway.servers(), load, people=people, watchers=watchers, revisions=begun
            )
            yield {"case": "memory after it", "processes": number, "megabytes": gateway.megabytes()}
        finally:
            gateway.kill()


def fill(settings: Settings, people: int, revision: int) -> None:
    """Write everybody's score to the topic."""
    ensure_topics(settings)
    writer = producer(settings, linger_ms=50)
    for name, value in scores(people, revision):
        writer.send(settings.topics.scores, key=name.encode(), value=value)
    writer.flush()
    writer.close()


def read_model_bytes(settings: Settings) -> int:
    """On disk."""
    files = (settings.data / "gateway" / settings.namespace).rglob("data.mdb")
    return sum(file.stat().st_blocks * 512 for file in files)
