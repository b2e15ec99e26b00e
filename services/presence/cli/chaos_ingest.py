"""`presence chaos-ingest`: ingest killed at random moments, and what the log then holds held against what was told."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Annotated, Any

import psutil
import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from presence.broker import Broker
from presence.cli.bench_scratch import environment, scratch
from presence.cli.chaos_ways import WAYS, Way
from presence.events.errors import CallerError
from presence.events.vocabulary import Kind, PersonId, PersonKind
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import ensure_topics, read_to_end
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.people import ConsentBasis

RATE_PER_S = 200.0
IMPORTED_TIMES = 20
"""How many more acts an export has: it is read as fast as it goes."""
KILL_AFTER_S = (0.5, 5.0)
"""After a start; the first second or two of it are Python's."""
SETTLE_S = 60.0
"""Without an act that is new in the log: then what is missing is lost."""
LOOK_S = 0.5
SAVED_S = 2.0
"""After its first act is in the log a service has saved its position. A live source that is listened to for the first time begins
at now, so what it tells before that is told to nobody who comes back."""

err = Console(stderr=True)


def chaos_ingest(  # noqa: PLR0917 (typer makes options of them)
    ways: Annotated[
        list[str] | None, typer.Argument(help=f"Of {', '.join(WAYS)}; by default all.", metavar="WAY...")
    ] = None,
    kills: Annotated[int, typer.Option(help="Times that it is killed by SIGKILL.", min=0)] = 3,
    away: Annotated[int, typer.Option(help="Seconds that Kafka stands still, once.", min=0)] = 0,
    acts: Annotated[int, typer.Option(help="That are told; 20 times as many in an export.", min=1)] = 4_000,
    rate: Annotated[float, typer.Option(help="Acts told a second.", min=1)] = RATE_PER_S,
    kafka: Annotated[
        str, typer.Option("--kafka", help="A broker that runs; by default one of its own, as --away needs.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per way and line.")] = False,
) -> None:
    """Ingest acts from a source of each kind of transport, with a Kafka of its own; kill it; look whether the log has each once.

    Exits with 1 if an act is lost, or stands in the log twice.
    """
    if unknown := set(ways or ()) - set(WAYS):
        raise CallerError(f"{', '.join(sorted(unknown))}: there are {', '.join(WAYS)}")
    results = []
    if kafka and away:
        raise CallerError("--away stops a Kafka of its own: leave out --kafka")
    with scratch(kafka) as found, Progress(console=err, disable=not err.is_terminal) as progress:
        for name in ways or WAYS:
            task = progress.add_task(name, total=None)
            count = acts * (IMPORTED_TIMES if name == "import" else 1)
            plan = Plan(acts=count, rate_per_s=rate, kills=kills, away_s=away)
            results.append({"way": name, **tried(name, plan, found)})
            progress.update(task, total=1, completed=1)
            if as_json:
                print(json.dumps(results[-1]), flush=True)
    if not as_json:
        table = Table(*results[0], box=SIMPLE)
        for each in results:
            table.add_row(*map(str, each.values()))
        Console().print(table)
    if any(each["lost"] or each["twice"] for each in results):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is told, and what goes wrong."""

    acts: int
    rate_per_s: float
    kills: int = 0
    away_s: int = 0


def tried(name: str, plan: Plan, where: Settings) -> dict[str, Any]:
    """What came of the way `name` in a namespace of its own.

    That is: acts that are lost, records that are twice in the log, peak memory of the service in MB.
    """
    end_ms = now_ms() // 1000 * 1000
    times = [end_ms - (plan.acts - number) * 1000 for number in range(plan.acts)]
    found = replace(where, namespace=f"{where.namespace}-{name}", data=where.data / name)
    found.data.mkdir()
    with ExitStack() as stack:
        source = WAYS[name](times, plan.rate_per_s, found.data)
        person = _enrolled(found, source)
        source.serve(stack)
        service = _Service(source.command(person), {**environment(found), **source.environment})
        stack.callback(service.kill)
        if plan.kills and name != "import":
            service.start()
            _until_known(found, service)
            service.kill()
        waits = [random.uniform(*KILL_AFTER_S) for _ in range(plan.kills)]  # noqa: S311 (no secret)
        killed = sum(service.killed_after(seconds) for seconds in waits)
        service.start()
        with _broker_away(where, plan.away_s):
            count, moved_s = 0, time.monotonic()
            while count < plan.acts and time.monotonic() - moved_s < plan.away_s + SETTLE_S:
                time.sleep(LOOK_S)
                service.look()
                before, count = count, len(set(_logged(found)))
                moved_s = time.monotonic() if count > before else moved_s
        service.end()
        written = Counter(_logged(found))
    return {
        "acts": plan.acts,
        "kills": killed,
        "away_s": plan.away_s,
        "lost": len(set(times) - set(written)),
        "twice": sum(number - 1 for number in written.values()),
        "peak_megabytes": round(service.peak_bytes / 1e6),
    }


def _until_known(found: Settings, service: "_Service") -> None:
    """Wait until the service has a position to go on from; SETTLE_S at most, then what is missing will be seen."""
    deadline_s = time.monotonic() + SETTLE_S
    while not _logged(found) and time.monotonic() < deadline_s:
        time.sleep(LOOK_S)
        service.look()
    time.sleep(SAVED_S)


class _Service:
    """One service after another of the same command, until it is done by itself."""

    def __init__(self, arguments: list[str], env: dict[str, str]) -> None:
        self._command = [sys.executable, "-m", "presence.cli.main", *arguments]
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self.peak_bytes = 0

    def start(self) -> None:
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(self._command, env=self._env, stdout=quiet, stderr=quiet)  # noqa: S603 (our own)

    def killed_after(self, seconds: float) -> bool:
        """Start it and kill it after `seconds`; False if it was done before, as an import can be."""
        self.start()
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.look()
            self.kill()
            return True
        return False

    def look(self) -> None:
        """Start it again if it has ended by itself, as a supervisor does; see how much memory it has."""
        assert self._process is not None
        if self._process.poll():
            self.start()
        try:
            self.peak_bytes = max(self.peak_bytes, psutil.Process(self._process.pid).memory_info().rss)
        except psutil.Error:
            return

    def end(self) -> None:
        """As politely as a supervisor does it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@contextmanager
def _broker_away(found: Settings, seconds: int) -> Iterator[None]:
    """Kafka stands still for `seconds`, from a few seconds on after the beginning."""
    pid = Broker(found.data / "broker").status().pid
    if not seconds or pid is None:
        yield
        return

    def pause() -> None:
        time.sleep(LOOK_S * 6)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    thread = threading.Thread(target=pause)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _enrolled(found: Settings, source: Way) -> PersonId:
    ensure_topics(found)
    master = MasterKey.load(found)
    follower = Follower(found, master)
    enrolment = Enrolment(found, master, follower)
    basis = ConsentBasis.DEMONSTRATION
    (person,) = enrolment.enrol([NewPerson(PersonKind.PERSON, source.network, source.native, basis)])
    enrolment.close()
    follower.close()
    return person


def _logged(found: Settings) -> list[int]:
    """When the acts that the log holds have happened."""
    events = (codec.decode(record.value) for record in read_to_end(found, found.topics.activity))
    return [event.occurred_ms for event in events if event.kind == Kind.ACTIVITY]
