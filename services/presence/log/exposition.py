"""A process's metrics on a port of its own, and the file by which Prometheus finds it.

With the default `PRESENCE_METRICS=127.0.0.1:0` every process takes a free port, and tells of it in
`<data>/metrics/<instance>.json`, which Prometheus watches (file_sd): so any number of workers, servers and ingests are found,
whoever started them. A process that ends takes its file along. One that is killed leaves it, so that Prometheus sees that it is
down, until it is started again or `sweep` finds that its process has gone. In a container the port is given, and the
second, third ... process of a service there takes the ports after it.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
from prometheus_client import start_http_server

from presence.events.errors import CallerError
from presence.log.metrics import REGISTRIES, Service
from presence.log.settings import Settings

FOLDER = "metrics"
PID = "__presence_pid"
"""A label that Prometheus drops, as all with two underscores."""

log = structlog.get_logger("presence.log")


@contextmanager
def exposed(settings: Settings, service: Service, instance: str, number: int = 0) -> Iterator[str]:
    """The metrics of `service` are served for the block; yields the address, empty if PRESENCE_METRICS is.

    `instance` names the process among all of the deployment, as `scoring-0`; `number` counts it among its service's
    processes here. Raises CallerError if PRESENCE_METRICS is no address or cannot be had.
    """
    if not settings.metrics:
        yield ""
        return
    host, port = host_and_port(nth_address(settings.metrics, number))
    try:
        server, thread = start_http_server(port, host, REGISTRIES[service])
    except OSError as error:
        raise CallerError(f"PRESENCE_METRICS={settings.metrics}: {error.strerror}") from error
    address = f"{settings.metrics.rpartition(':')[0]}:{server.server_port}"
    target = folder(settings) / f"{instance}.json"
    _write(target, [{"targets": [address], "labels": _labels(settings, service, instance)}])
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        if _pid(target) == os.getpid():
            target.unlink(missing_ok=True)


def folder(settings: Settings) -> Path:
    """Where the targets of this data folder stand."""
    return settings.data / FOLDER


def sweep(settings: Settings) -> None:
    """Forget the targets whose process has gone."""
    for target in folder(settings).glob("*.json"):
        if not _lives(_pid(target)):
            target.unlink(missing_ok=True)


def targets(settings: Settings) -> dict[str, str]:
    """The address of every target by its instance."""
    found = {}
    for target in sorted(folder(settings).glob("*.json")):
        (entry,) = json.loads(target.read_bytes())
        found[target.stem] = entry["targets"][0]
    return found


def nth_address(address: str, number: int) -> str:
    """Of a service's process with this number, where `address` is that of its first: port 0 stays, and so does nothing.

    Raises CallerError if it is no address.
    """
    if not address or not number:
        return address
    port = host_and_port(address)[1]
    return f"{address.rpartition(':')[0]}:{port + number if port else 0}"


def host_and_port(address: str) -> tuple[str, int]:
    """The parts of PRESENCE_METRICS. Raises CallerError if it is not `host:port`."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise CallerError(f"PRESENCE_METRICS must be host:port, or empty for none, not {address!r}")
    return host.strip("[]"), int(port)


def _labels(settings: Settings, service: Service, instance: str) -> dict[str, str]:
    named = {"job": str(service), "instance": instance, "namespace": settings.namespace}
    return named | {PID: str(os.getpid())}


def _write(target: Path, content: object) -> None:
    """In one piece: Prometheus may look at any moment."""
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(content), encoding="utf-8")
    part.replace(target)


def _pid(target: Path) -> int | None:
    try:
        (entry,) = json.loads(target.read_bytes())
        return int(entry["labels"][PID])
    except (OSError, ValueError, KeyError):
        return None


def _lives(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
