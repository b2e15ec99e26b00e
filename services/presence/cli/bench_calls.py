"""Measures calls one method after the other, of the gateway and of a bare servicer in turn, asked by a program in Go (`bench/load`)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil
from google.protobuf.message import Message
from google.protobuf.proto import serialize_length_prefixed

from presence.cli.bench_people import person
from presence.cli.bench_scratch import cpu_s
from presence.events.errors import CallerError, SourceUnavailable
from presence.v1 import service_pb2

BATCH = 100
PAGE = 50
CONNECTIONS = 4
CONCURRENCY = 32
ASKED = 500
"""Different requests of each method, one after the other."""


class Load:
    """The load generator."""

    def __init__(self, path: str, folder: Path, seconds: int) -> None:
        """Asks for so many seconds at a time. Raises CallerError if there is no program at `path`."""
        self.path = path
        self.seconds = seconds
        self._folder = folder
        try:
            subprocess.run([path, "call", "-help"], capture_output=True, check=True)  # noqa: S603 (given by the caller)
        except (OSError, subprocess.CalledProcessError) as error:
            raise CallerError(f"{path} does not run: `cd bench/load && go build` makes it") from error

    def ask(
        self, address: str, method: str, asked: list[Message], servers: list[psutil.Process]
    ) -> dict[str, Any]:
        """Calls per second, per core, and latencies. Raises SourceUnavailable for a call that was refused."""
        requests = self._folder / f"{method}.requests"
        framed = BytesIO()
        for request in asked:
            serialize_length_prefixed(request, framed)
        requests.write_bytes(framed.getvalue())
        command = [self.path, "call", "-address", address, "-method", method, "-requests", str(requests)]
        command += ["-connections", str(CONNECTIONS), "-concurrency", str(CONCURRENCY)]
        command += ["-seconds", str(self.seconds)]
        before = cpu_s(servers)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (as above)
        used_s = cpu_s(servers) - before
        if done.returncode:
            raise SourceUnavailable(f"{method} failed: {done.stderr.strip()[-300:]}")
        found = json.loads(done.stdout)
        return {
            "calls_per_s": round(found["calls"] / found["seconds"]),
            "calls_per_core_s": round(found["calls"] / used_s),
            "p50_ms": round(found["p50_ms"], 2),
            "p99_ms": round(found["p99_ms"], 2),
        }


def calls(
    address: str, servers: list[psutil.Process], load: Load, *, people: int
) -> Iterator[dict[str, Any]]:
    """One row for each method and server."""
    with bare() as (bare_address, bare_servers):
        for method, asked in requests(people).items():
            rows = {"BatchGetScores": BATCH, "ListScores": PAGE}.get(method, 1)
            for server, at, processes in (
                ("bare grpcio", bare_address, bare_servers),
                ("gateway", address, servers),
            ):
                found = load.ask(at, method, asked, processes)
                yield {
                    "case": method,
                    "server": server,
                    "processes": len(processes),
                    **found,
                    "scores_per_s": rows * found["calls_per_s"],
                    "scores_per_core_s": rows * found["calls_per_core_s"],
                }


def requests(people: int) -> dict[str, list[Message]]:
    """By method, different requests, spread over everybody."""
    step = max(1, people // ASKED)
    chosen = [person(number * step % people) for number in range(ASKED)]
    batches = [
        {person((number * step + other * 37) % people) for other in range(min(BATCH, people))}
        for number in range(ASKED // 10)
    ]
    return {
        "GetScore": [service_pb2.GetScoreRequest(person=one) for one in chosen],
        "BatchGetScores": [service_pb2.BatchGetScoresRequest(people=sorted(batch)) for batch in batches],
        "ListScores": [service_pb2.ListScoresRequest(page_size=PAGE, order_by="resonance desc")],
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
