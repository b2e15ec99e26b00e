"""`presence up` and `presence down`: the broker and the services of this machine, supervised by honcho."""

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
from honcho.manager import Manager
from rich.console import Console

from presence.broker import Broker
from presence.cli.broker import start_with_progress
from presence.cli.context import client, settings
from presence.events.errors import SourceUnavailable
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings

MARK = "PRESENCE_STACK"
"""In the environment of every process that `up` starts: the data folder it serves."""
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
) -> None:
    """Start the broker, scoring and the gateway; Ctrl-C or `presence down` stops them.

    For example: presence up --ingest "bluesky --mode enrolled"
    """
    if detach:
        _up_detached(ingest)
        return
    found = settings()
    broker = Broker(found.data / "broker")
    own_broker = "PRESENCE_KAFKA" not in os.environ
    if own_broker:
        os.environ["PRESENCE_KAFKA"] = str(start_with_progress(broker).bootstrap)
    try:
        raise SystemExit(_supervise(settings(), ingest))
    finally:
        if own_broker:
            broker.stop()


def down() -> None:
    """Stop what `presence up` started on this data folder, the broker last."""
    found = settings()
    members = list(_members(found.data))
    for member in members:
        member.terminate()
    _, alive = psutil.wait_procs(members, timeout=STOP_S)
    for member in alive:
        member.kill()
    Broker(found.data / "broker").stop()
    err.print(f"stopped {len(members)} processes and the broker")


def _supervise(found: Settings, ingest: list[str]) -> int:
    ensure_topics(found)
    environment = os.environ | {"PRESENCE_DATA": str(found.data), MARK: str(found.data)}
    manager = Manager()
    python = shlex.quote(sys.executable)
    for service in ("scoring", "clock", "associates", "gateway"):
        manager.add_process(service, f"exec {python} -m presence.{service}", env=environment)
    for options in ingest:
        command = f"exec {python} -m presence.cli.main ingest {options}"
        manager.add_process(f"ingest-{options.split()[0]}", command, env=environment)
    manager.loop()
    return 0 if manager.returncode in {130, 143} else int(manager.returncode or 0)


def _up_detached(ingest: list[str]) -> None:
    found = settings()
    if "PRESENCE_KAFKA" not in os.environ:
        # Here and not in the background, so that a download is seen and takes as long as it takes.
        start_with_progress(Broker(found.data / "broker"))
    options = [word for each in ingest for word in ("--ingest", each)]
    _wait_until_ready(partial(_check, _start(["up", *options], found), found), found)
    err.print(f"ready: gateway {found.gateway}, log {log_path(found)}; `presence down` stops it")


@contextmanager
def running_stack(found: Settings) -> Iterator[Check]:
    """`presence up` in the background, ready, for as long as the context lasts.

    Raises SourceUnavailable with the end of its log if it is not ready in time; so does its check when it has ended.
    """
    with running(["up"], found) as check:
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


def _members(data: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(data):
                yield process
        except psutil.Error:
            continue
