"""Measures the gateway as it runs: a real broker, real processes, and ghz, a load generator written in Go.

Each method is asked of the gateway and of a bare grpcio servicer in turn, so that both meet the same machine. "Per core" is
per second of CPU that the serving processes used, which other load on the machine does not change.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from presence.broker.ports import free_port
from presence.cli.bench_bare import SERVICE
from presence.cli.bench_people import person, scores
from presence.cli.bench_scratch import environment
from presence.cli.bench_watch import cpu_s, fan_out
from presence.client import Client
from presence.events.errors import CallerError, SourceUnavailable
from presence.log.kafka import ensure_topics, producer
from presence.log.settings import Settings
from presence.v1 import service_pb2

BATCH = 100
PAGE = 50
READY_S = 600
LOOK_S = 0.02
CONNECTIONS = 4
CONCURRENCY = 32
ASKED = 500
"""Different requests of each method, one after the other."""


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
    found: Settings, load: "Ghz", people: int, processes: int, watchers: str = ""
) -> Iterator[dict[str, Any]]:
    """A row for each measurement; watches only with `watchers`, the program that counts what they are told."""
    settings = replace(found, gateway=f"127.0.0.1:{free_port()}")
    fill(settings, people, revision=1)
    gateway = Gateway(settings, processes)
    from_nothing_s = gateway.start()
    try:
        yield {"case": "ready from nothing", "people": people, "seconds": round(from_nothing_s, 2)}
        size = read_model_bytes(settings)
        yield {"case": "read model", "people": people, "bytes_per_person": round(size / people)}
        gateway.kill()
        yield {"case": "ready after kill -9", "people": people, "seconds": round(gateway.start(), 2)}
        yield {"case": "memory", "people": people, "megabytes": gateway.megabytes()}
        yield from calls(settings, gateway, load, people, processes)
        if watchers:
            yield from fan_out(settings, gateway.servers(), watchers, people=people, seconds=load.seconds)
        yield {"case": "memory after it", "people": people, "megabytes": gateway.megabytes()}
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


def requests(people: int) -> dict[str, list[dict[str, Any]]]:
    """By method, different requests, spread over everybody."""
    step = max(1, people // ASKED)
    chosen = [person(number * step % people) for number in range(ASKED)]
    batches = [
        [person((number * step + other * 37) % people) for other in range(min(BATCH, people))]
        for number in range(ASKED // 10)
    ]
    return {
        "GetScore": [{"person": one} for one in chosen],
        "BatchGetScores": [{"people": sorted(set(batch))} for batch in batches],
        "ListScores": [{"page_size": PAGE, "order_by": "resonance desc"}],
    }


class Ghz:
    """The load generator."""

    def __init__(self, path: str, folder: Path, seconds: int) -> None:
        """Raises CallerError if there is none at `path`."""
        self._path = path
        self._folder = folder
        self.seconds = seconds
        self._protoset = folder / "service.protoset"
        self._protoset.write_bytes(_protoset())
        try:
            subprocess.run([path, "--version"], capture_output=True, check=True)  # noqa: S603 (given by the caller)
        except (OSError, subprocess.CalledProcessError) as error:
            raise CallerError(
                f"{path} does not run: `go install github.com/bojand/ghz/cmd/ghz@latest` makes it"
            ) from error

    def ask(
        self, address: str, method: str, asked: list[dict[str, Any]], servers: list[psutil.Process]
    ) -> dict[str, Any]:
        """Ask for some seconds; returns calls per second, per core, and latencies."""
        data = self._folder / f"{method}.json"
        data.write_text(json.dumps(asked))
        command = [
            self._path,
            "--insecure",
            "--protoset",
            str(self._protoset),
            "--call",
            f"{SERVICE}/{method}",
        ]
        command += ["--data-file", str(data), "--duration", f"{self.seconds}s", "--duration-stop", "ignore"]
        command += ["--connections", str(CONNECTIONS), "--concurrency", str(CONCURRENCY), "--format", "json"]
        before = cpu_s(servers)
        done = subprocess.run([*command, address], capture_output=True, text=True, check=False)  # noqa: S603 (as above)
        used_s = cpu_s(servers) - before
        if done.returncode:
            raise SourceUnavailable(f"ghz failed: {done.stderr.strip()[-300:]}")
        report = json.loads(done.stdout)
        codes = report["statusCodeDistribution"]
        if set(codes) != {"OK"}:
            raise SourceUnavailable(f"{method} was answered with {codes}")
        by_percent = {row["percentage"]: row["latency"] / 1e6 for row in report["latencyDistribution"]}
        return {
            "calls_per_s": round(report["count"] / (report["total"] / 1e9)),
            "calls_per_core_s": round(report["count"] / used_s),
            "p50_ms": round(by_percent[50], 2),
            "p99_ms": round(by_percent[99], 2),
        }


@contextmanager
def bare() -> Iterator[tuple[str, list[psutil.Process]]]:
    """The bare servicer: its address and process."""
    with subprocess.Popen(  # noqa: S603 (our own module)
        [sys.executable, "-m", "presence.cli.bench_bare", str(BATCH), str(PAGE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        assert process.stdout is not None
        yield f"127.0.0.1:{process.stdout.readline().strip()}", [psutil.Process(process.pid)]
        process.communicate()


def calls(
    settings: Settings, gateway: Gateway, ghz: Ghz, people: int, processes: int
) -> Iterator[dict[str, Any]]:
    """One row for each method and server."""
    with bare() as (bare_address, bare_servers):
        for method, asked in requests(people).items():
            rows = {"BatchGetScores": BATCH, "ListScores": PAGE}.get(method, 1)
            for server, address, servers in (
                ("bare grpcio", bare_address, bare_servers),
                ("gateway", settings.gateway, gateway.servers()),
            ):
                found = ghz.ask(address, method, asked, servers)
                yield {
                    "case": method,
                    "server": server,
                    "processes": len(servers),
                    **found,
                    "scores_per_core_s": rows * found["calls_per_core_s"],
                }
    assert len(gateway.servers()) == processes


def read_model_bytes(settings: Settings) -> int:
    """On disk."""
    files = (settings.data / "gateway" / settings.namespace).glob("data.mdb")
    return sum(file.stat().st_blocks * 512 for file in files)


def _protoset() -> bytes:
    """The service's schema and all that it imports, as tools of gRPC read it."""
    files: dict[str, FileDescriptorProto] = {}

    def add(file: Any) -> None:
        for other in file.dependencies:
            add(other)
        if file.name not in files:
            files[file.name] = FileDescriptorProto()
            file.CopyToProto(files[file.name])

    add(service_pb2.DESCRIPTOR)
    return FileDescriptorSet(file=files.values()).SerializeToString()
