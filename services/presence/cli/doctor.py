"""`presence doctor`: what works here, what does not, and what to do about it."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from presence.broker import Broker, BrokerError
from presence.cli.context import EXIT_FAILED, client, settings
from presence.cli.observe import found_grafana, found_prometheus, prometheus_address
from presence.events.errors import PresenceError
from presence.log.exposition import targets
from presence.log.kafka import consumer
from presence.log.settings import Settings

DISK_BYTES_MIN = 2 * 2**30
"""Enough for the broker's jars, a demonstration's log and its state."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: `good` is None where nothing is wrong but something is not running."""

    check: str
    good: bool | None
    says: str


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per check.")] = False,
) -> None:
    """Check this machine and the running services; exit code 1 if something is broken."""
    findings = list(examine(settings()))
    if as_json:
        for finding in findings:
            print(json.dumps(asdict(finding)))
    else:
        _show(findings)
    if any(finding.good is False for finding in findings):
        raise typer.Exit(EXIT_FAILED)


def examine(found: Settings) -> Iterator[Finding]:
    """All findings, in the order in which things depend on each other."""
    yield _python()
    yield _disk(found.data)
    yield from _broker(found)
    yield _checked("kafka", lambda: _topics(found))
    yield _gateway(found)
    yield from _observers(found)


def _observers(found: Settings) -> Iterator[Finding]:
    """What is only beside the services: nothing is broken where it is missing."""
    if found_prometheus() is None:
        yield Finding(
            "prometheus",
            good=None,
            says="not installed, so nothing is measured over time: apt-get install prometheus",
        )
    else:
        address = prometheus_address(found)
        says = f"http://{address}" if address else "installed; `presence up` starts it"
        yield Finding("prometheus", good=True if address else None, says=says)
    installed = found_grafana() is not None
    yield Finding(
        "grafana",
        good=None,
        says="installed; `presence up` starts it" if installed else "not installed: no dashboards",
    )
    addresses = targets(found)
    yield Finding("metrics", good=None, says=", ".join(addresses) or "no process tells of its metrics")


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "python", (3, 11) <= sys.version_info[:2] <= (3, 13), f"{version}; 3.11 to 3.13 are supported"
    )


def _disk(data: Path) -> Finding:
    place = next(each for each in (data, *data.parents) if each.exists())
    if not os.access(place, os.W_OK):
        return Finding("data folder", good=False, says=f"{place} is not writable; set PRESENCE_DATA")
    free = shutil.disk_usage(place).free
    return Finding("data folder", free >= DISK_BYTES_MIN, f"{data}, {free / 2**30:.1f} GiB free")


def _broker(found: Settings) -> Iterator[Finding]:
    if "PRESENCE_KAFKA" in os.environ:
        yield Finding("broker", good=None, says="not needed: PRESENCE_KAFKA names another cluster")
        return
    try:
        status = Broker(found.data / "broker").status()
    except BrokerError as error:
        yield Finding("broker", good=False, says=str(error))
        return
    if status.running:
        yield Finding("broker", good=True, says=f"Kafka {status.version} at {status.bootstrap}")
    else:
        yield Finding("broker", good=None, says="not running: `presence up` starts it")


def _topics(found: Settings) -> str:
    reader = consumer(found)
    try:
        missing = {topic.name for topic in found.topics.all()} - set(reader.topics())
    finally:
        reader.close()
    if missing:
        return f"{found.kafka} answers; not yet created: {', '.join(sorted(missing))}"
    return f"{found.kafka} answers and has every topic"


def _gateway(found: Settings) -> Finding:
    with client(found) as gateway:
        if gateway.serving(timeout_s=2):
            return Finding("gateway", good=True, says=f"serving at {found.gateway}")
    return Finding("gateway", good=None, says=f"not serving at {found.gateway}: `presence up` starts it")


def _checked(check: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(check, good=True, says=look())
    except PresenceError as error:
        return Finding(check, good=None, says=str(error))


def _show(findings: list[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    marks = {True: "[green]ok[/]", None: "[yellow]--[/]", False: "[red]broken[/]"}
    for finding in findings:
        table.add_row(marks[finding.good], finding.check, finding.says)
    Console().print(table)
