"""Measures ingest: from a socket to the broker's acknowledgement, and from an export to events."""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psutil

from presence.cli import hostile
from presence.demo.frames import CAST, frames
from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import Network, PersonKind
from presence.ingest.bootstrap import BlueskyOptions, bluesky_ingest
from presence.ingest.importing import ImportOptions, rehearsed
from presence.ingest.runner import Counts, Runner
from presence.log.clock import now_ms
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.people import ConsentBasis

CPU_BOUND_RATIO = 0.85
"""Of one core; from there on it is our own code that bounds the rate."""
IDLE_RATIO_MIN = 0.1
"""Of all cores; below it, and with less than that one core, the machine is busy with something else."""
NOBODY = "did:plc:" + "z" * 24


class Who(Enum):
    """Whose frames they are."""

    MEMBERS = "all enrolled"
    NOBODY = "none enrolled"
    """As most frames of the public network."""
    HOSTILE = "all enrolled, hostile posts"
    """Each post long, and made to be slow to read, or to be misread."""


def jetstream(settings: Settings, count: int, who: Who) -> dict[str, Any]:
    """`count` frames from a websocket into the log."""
    settings = replace(settings, namespace=f"{settings.namespace}{list(Who).index(who)}")
    _enrol(settings, [NOBODY] if who == Who.NOBODY else [member.did for member in CAST])
    path = settings.data / "frames"
    sent = frames(count, end_ms=now_ms())
    with path.open("wb") as file:
        for frame in hostile.posts(sent) if who == Who.HOSTILE else sent:
            file.write(frame + b"\n")
    command = [sys.executable, "-m", "presence.cli.bench_wire", str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:  # noqa: S603 (our own module)
        assert server.stdout is not None
        url = f"ws://127.0.0.1:{int(server.stdout.readline())}/subscribe"
        try:
            with bluesky_ingest(settings, BlueskyOptions(url=url)) as runner:
                result = _measured(runner, count)
        finally:
            server.kill()
    return {
        "case": f"jetstream, {who.value}",
        "network": "bluesky",
        **result,
        "megabytes_per_second": round(path.stat().st_size / 1e6 / result["seconds"], 1),
    }


def export(network: str, path: Path, account: str = "") -> dict[str, Any]:
    """All of an export into events, without a broker."""
    options = ImportOptions(network=network, path=path, person="bench", account=account)
    with rehearsed(options, None) as one:
        meter = _Meter()
        counts = one.runner.run()
        meter.stop()
        size_bytes = one.source.export.bytes_read
    return {
        "case": "import",
        "network": network,
        "items": counts.read,
        "events": counts.events,
        "seconds": round(meter.took_s, 3),
        "items_per_second": round(counts.read / meter.took_s),
        "items_per_cpu_second": round(counts.read / meter.cpu_s),
        "megabytes_per_second": round(size_bytes / 1e6 / meter.took_s, 1),
        "cpu_ratio": round(meter.cpu_s / meter.took_s, 2),
        "bound_by": meter.bound_by("disk"),
    }


def _measured(runner: Runner, count: int) -> dict[str, Any]:
    """From the first look for frames until all are acknowledged; the loop looks five times a second."""

    def look(counts: Counts) -> None:
        if counts.read >= count:
            runner.stop()

    runner.on_checkpoint = look
    meter = _Meter()
    counts = runner.run()
    meter.stop()
    if counts.read < count:
        raise SourceUnavailable("the bench's own server has ended")
    records = counts.events + counts.undo + counts.gauges
    return {
        "frames": counts.read,
        "records": records,
        "seconds": round(meter.took_s, 3),
        "frames_per_second": round(counts.read / meter.took_s),
        "frames_per_cpu_second": round(counts.read / meter.cpu_s),
        "records_per_second": round(records / meter.took_s),
        "cpu_ratio": round(meter.cpu_s / meter.took_s, 2),
        "bound_by": meter.bound_by("socket and broker"),
    }


def _enrol(settings: Settings, natives: list[str]) -> None:
    ensure_topics(settings)
    follower = Follower(settings, MasterKey.load(settings))
    follower.catch_up()
    enrolment = Enrolment(settings, MasterKey.load(settings), follower)
    basis = ConsentBasis.DEMONSTRATION
    enrolment.enrol([NewPerson(PersonKind.PERSON, Network("bluesky"), each, basis) for each in natives])
    enrolment.close()
    follower.close()


class _Meter:
    """What this process and this machine have used since it was made."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()
        self._used = resource.getrusage(resource.RUSAGE_SELF)
        self._machine = psutil.cpu_times()
        self.took_s = self.cpu_s = self.idle_ratio = 0.0

    def stop(self) -> None:
        used, machine = resource.getrusage(resource.RUSAGE_SELF), psutil.cpu_times()
        self.took_s = time.monotonic() - self._began_s
        self.cpu_s = used.ru_utime + used.ru_stime - self._used.ru_utime - self._used.ru_stime
        cores = psutil.cpu_count() or 1
        self.idle_ratio = (machine.idle - self._machine.idle) / (self.took_s * cores)

    def bound_by(self, other: str) -> str:
        """What was short: our own core, the machine because of others, or `other`."""
        if self.cpu_s / self.took_s > CPU_BOUND_RATIO:
            return "cpu"
        return other if self.idle_ratio > IDLE_RATIO_MIN else "other processes of this machine"


def _outbox(path: Path, items: int) -> None:
    """Mastodon's, of one account."""
    actor = "https://mastodon.example/users/ada"
    with path.open("w") as file:
        file.write(f'{{"type": "OrderedCollection", "totalItems": {items}, "orderedItems": [')
        for number in range(items):
            uri = f"{actor}/statuses/{(1_780_000_000_000 + number * 1000) << 16}"
            note = {
                "id": uri,
                "type": "Note",
                "content": "<p>" + "word " * 40 + "</p>",
                "tag": [],
                "attachment": [],
            }
            told = {
                "id": f"{uri}/activity",
                "type": "Create",
                "actor": actor,
                "published": "2026-06-01T10:00:00Z",
            }
            reach = {"to": ["https://www.w3.org/ns/activitystreams#Public"], "cc": []}
            file.write(("," if number else "") + json.dumps(told | reach | {"object": note}))
        file.write("]}")


def _feed(path: Path, items: int) -> None:
    """A blog's, as RSS."""
    with path.open("w") as file:
        file.write('<?xml version="1.0"?><rss version="2.0"><channel>')
        for number in range(items):
            file.write(
                f"<item><title>Post {number}</title><guid>{number}</guid><link>/post/{number}</link>"
                f"<pubDate>Mon, 01 Jun 2026 10:00:00 GMT</pubDate><description>{'word ' * 40}</description></item>"
            )
        file.write("</channel></rss>")


MADE: Mapping[str, tuple[str, str, Callable[[Path, int], None]]] = MappingProxyType(
    {
        "mastodon": ("outbox.json", "ada@mastodon.example", _outbox),
        "blog": ("feed.xml", "https://blog.example/feed.xml", _feed),
    }
)
"""Exports that can be made here: file, account, and how. Any other is named by its path."""


def made(network: str, items: int, folder: Path) -> dict[str, Any]:
    """`export` of one that was made for it."""
    name, account, write = MADE[network]
    path = folder / name
    write(path, items)
    return export(network, path, account)
