"""`presence up` and `presence down`: the broker and the services of this machine, kept running until somebody stops them."""

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import psutil
import typer
from rich.console import Console

from presence.broker import Broker
from presence.cli.broker import start_with_progress
from presence.cli.context import client, settings
from presence.cli.observe import OFF, members, prometheus_address
from presence.cli.supervise import Member, environment, python, supervise
from presence.events.errors import SourceUnavailable
from presence.log.exposition import sweep
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings

MARK = "PRESENCE_STACK"
"""In the environment of every process that `up` starts: the data folder it serves."""
SERVICES = ("scoring", "clock", "associates", "gateway")
KEEPER = "up.pid"
"""In the data folder: the process that keeps the others running."""
READY_S = 90
EMPTY: Mapping[str, str] = MappingProxyType({})
STOP_S = 10

Check = Callable[[], None]
"""Raises SourceUnavailable if what runs in the background has ended."""

err = Console(stderr=True)


def up(
    ingest: Annotated[
        list[str], typer.Option("--ingest", help="Also ingest this network, with the options of its command.")
    ] = [],  # noqa: B006 (typer's way; never changed)
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is ready.")] = False,
    prometheus: Annotated[
        str,
        typer.Option(
            envvar="PRESENCE_PROMETHEUS", help="Where Prometheus listens, if it is installed; `off` for none."
        ),
    ] = "127.0.0.1:9090",
    grafana: Annotated[
        str,
        typer.Option(
            envvar="PRESENCE_GRAFANA", help="Where Grafana listens, if it is installed; `off` for none."
        ),
    ] = "127.0.0.1:3000",
    lean: Annotated[
        bool, typer.Option("--lean", help="Without the archive and the nightly comparison with the log.")
    ] = False,
) -> None:
    """Start the broker, scoring and the gateway, and Prometheus and Grafana where they are installed.

    Ctrl-C or `presence down` stops them; what ends by itself is started again.
    For example: presence up --ingest "bluesky --mode enrolled"
    """
    if detach:
        options = ["--prometheus", prometheus, "--grafana", grafana, *(["--lean"] if lean else [])]
        _up_detached(ingest, options)
        return
    found = settings()
    broker = Broker(found.data / "broker")
    own_broker = "PRESENCE_KAFKA" not in os.environ
    if own_broker:
        os.environ["PRESENCE_KAFKA"] = str(start_with_progress(broker).bootstrap)
    try:
        raise SystemExit(_supervise(settings(), ingest, members(settings(), prometheus, grafana), lean=lean))
    finally:
        if own_broker:
            broker.stop()


def down() -> None:
    """Stop what `presence up` started on this data folder, the broker last."""
    found = settings()
    # First who would start the others again: it ends them itself.
    keepers = list(_keepers(found.data))
    for keeper in keepers:
        keeper.terminate()
    psutil.wait_procs(keepers, timeout=STOP_S)
    started = [*keepers, *_started(found.data)]
    for process in started:
        if not process.is_running():
            continue
        process.terminate()
    _, alive = psutil.wait_procs(started, timeout=STOP_S)
    for process in alive:
        process.kill()
    psutil.wait_procs(alive, timeout=STOP_S)
    sweep(found)
    Broker(found.data / "broker").stop()
    err.print(f"stopped {len(started)} processes and the broker")


def _supervise(found: Settings, ingest: list[str], beside: Iterator[Member], *, lean: bool) -> int:
    ensure_topics(found)
    os.environ |= {"PRESENCE_DATA": str(found.data), MARK: str(found.data)}
    (found.data / KEEPER).write_text(str(os.getpid()), encoding="utf-8")
    kept = [
        Member(name=service, command=python(f"presence.{service}"), environment=environment())
        for service in (SERVICES if lean else (*SERVICES, "archive"))
    ]
    for options in ingest:
        words = shlex.split(options)
        command = python("presence.cli.main", "ingest", *words)
        kept.append(Member(name=f"ingest-{words[0]}", command=command, environment=environment()))
    if not lean:
        command = python("presence.cli.main", "nightly")
        kept.append(Member(name="nightly", command=command, environment=environment(), needed=False))
    return supervise([*kept, *beside])


def _up_detached(ingest: list[str], beside: list[str]) -> None:
    found = settings()
    if "PRESENCE_KAFKA" not in os.environ:
        # Here and not in the background, so that a download is seen and takes as long as it takes.
        start_with_progress(Broker(found.data / "broker"))
    options = [*(word for each in ingest for word in ("--ingest", each)), *beside]
    _wait_until_ready(partial(_check, _start(["up", *options], found), found), found)
    prometheus = prometheus_address(found)
    told = f", Prometheus http://{prometheus}" if prometheus else ""
    err.print(f"ready: gateway {found.gateway}{told}, log {log_path(found)}; `presence down` stops it")


@contextmanager
def running_stack(found: Settings) -> Iterator[Check]:
    """`presence up` in the background, ready, for as long as the context lasts; Prometheus where it is asked for.

    Raises SourceUnavailable with the end of its log if it is not ready in time; so does its check when it has ended.
    """
    beside = ["--prometheus", os.environ.get("PRESENCE_PROMETHEUS", OFF), "--grafana", OFF, "--lean"]
    with running(["up", *beside], found) as check:
        _wait_until_ready(check, found)
        yield check


@contextmanager
def running(
    arguments: list[str], found: Settings, *, environment: Mapping[str, str] = EMPTY, ends: bool = False
) -> Iterator[Check]:
    """`presence` with `arguments` in the background, for as long as the context lasts; its output is in `stack.log`.

    `environment`: what it has beside ours. `ends`: it may end by itself, if nothing went wrong.
    """
    process = _start(arguments, found, environment)
    try:
        yield partial(_check, process, found, ends=ends)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _start(
    arguments: list[str], found: Settings, environment: Mapping[str, str] = EMPTY
) -> "subprocess.Popen[bytes]":
    found.data.mkdir(parents=True, exist_ok=True)
    with log_path(found).open("ab") as log:
        return subprocess.Popen(  # noqa: S603 (our own command)
            [sys.executable, "-m", "presence.cli.main", *arguments],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=os.environ | environment,
            start_new_session=True,
        )


def _wait_until_ready(check: Check, found: Settings) -> None:
    deadline = time.monotonic() + READY_S
    with client(found) as gateway:
        while time.monotonic() < deadline:
            check()
            if gateway.serving(timeout_s=1):
                return
            time.sleep(0.1)
    raise SourceUnavailable(f"not ready after {READY_S} s; {_tail(log_path(found))}")


def _check(process: "subprocess.Popen[bytes]", found: Settings, *, ends: bool = False) -> None:
    if process.poll() not in ({None, 0} if ends else {None}):
        raise SourceUnavailable(f"the services have ended; {_tail(log_path(found))}")


def log_path(found: Settings) -> Path:
    return found.data / "stack.log"


def _tail(path: Path, lines: int = 15) -> str:
    end = "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return f"{path} says:\n{end}"


def _keepers(data: Path) -> Iterator[psutil.Process]:
    """The `up` of this data folder, if it runs."""
    try:
        process = psutil.Process(int((data / KEEPER).read_text(encoding="utf-8")))
        if "up" in process.cmdline():
            yield process
    except (OSError, ValueError, psutil.Error):
        return


def _started(data: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(data):
                yield process
        except psutil.Error:
            continue
