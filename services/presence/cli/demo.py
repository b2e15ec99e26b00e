"""`presence demo`: the whole system at work, on recorded frames of a made-up cast or on the public network."""

import json
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from presence.broker import Broker
from presence.broker.ports import free_port
from presence.cli.broker import start_with_progress
from presence.cli.context import settings
from presence.cli.score_view import Ranking, score_panel
from presence.cli.stack import Check, log_path, running, running_stack
from presence.client import Score
from presence.demo.frames import CAST, frames
from presence.demo.jetstream import Jetstream
from presence.demo.latency import Measured, measure, percentile
from presence.demo.watcher import Watcher
from presence.events.errors import CallerError, SourceUnavailable
from presence.events.vocabulary import Network, PersonKind
from presence.log.clock import now_ms
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.people import ConsentBasis

FRAMES = 3_000
RATE_PER_S = 250.0
SETTLE_S = 60
"""How long after the last frame the last score may take."""
LOOK_S = 0.5
RANKED = 15

err = Console(stderr=True)


@dataclass(slots=True)
class Show:
    """One run of the demonstration: what is played to whom, and what a client saw of it."""

    settings: Settings
    played: Jetstream | None
    names: Mapping[str, str]
    watcher: Watcher = field(default_factory=Watcher)
    checks: list[Check] = field(default_factory=list)

    def check(self) -> None:
        """Raises SourceUnavailable with the end of the log if a service has ended."""
        for each in self.checks:
            each()

    def title(self, score: Score) -> str:
        return self.names.get(score.person, score.person)


def demo(
    once: Annotated[bool, typer.Option("--once", help="End when all recorded frames are scored.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object at the end; implies --once.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Listen to the public Bluesky network instead.")
    ] = False,
    count: Annotated[int, typer.Option("--frames", min=1, help="Recorded frames to play.")] = FRAMES,
    rate: Annotated[float, typer.Option(min=1, help="Recorded frames per second.")] = RATE_PER_S,
) -> None:
    """Show the whole system: real Kafka, real services, a live ranking, one score with its reasons.

    It stays up until Ctrl-C, and leaves nothing behind: its data is in a temporary folder.
    """
    if live and (once or as_json):
        raise CallerError("--live goes on until Ctrl-C: leave out --once and --json")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # So that nothing is left running then either.
    played = None if live else Jetstream(frames(count, end_ms=now_ms() - 60_000), rate_per_s=rate)
    try:
        with _show(played) as show:
            if as_json:
                _print_json(show, _until_scored(show))
            elif once:
                _tell(show, _until_scored(show))
            else:
                _show_until_interrupted(show)
    except KeyboardInterrupt:
        err.print("stopping")


@contextmanager
def _show(played: Jetstream | None) -> Iterator[Show]:
    with tempfile.TemporaryDirectory(prefix="presence-demo-") as folder, _deployment(Path(folder)) as found:
        show = Show(found, played, {} if played is None else _enrol_cast(found))
        with _services(show):
            yield show


@contextmanager
def _deployment(folder: Path) -> Iterator[Settings]:
    """A broker of its own on free ports, or the cluster of PRESENCE_KAFKA, with topics of its own."""
    os.environ |= {
        "PRESENCE_DATA": str(folder),
        "PRESENCE_GATEWAY": f"127.0.0.1:{free_port()}",
        "PRESENCE_NAMESPACE": f"demo-{now_ms()}",
    }
    broker = None if "PRESENCE_KAFKA" in os.environ else Broker(folder / "broker")
    if broker is not None:
        os.environ["PRESENCE_KAFKA"] = str(start_with_progress(broker).bootstrap)
    try:
        found = settings()
        ensure_topics(found)
        yield found
    finally:
        if broker is not None:
            broker.stop()


def _enrol_cast(found: Settings) -> dict[str, str]:
    master = MasterKey.load(found)
    follower = Follower(found, master)
    enrolment = Enrolment(found, master, follower)
    newcomers = [
        NewPerson(PersonKind.PERSON, Network("bluesky"), member.did, ConsentBasis.DEMONSTRATION)
        for member in CAST
    ]
    people = enrolment.enrol(newcomers)
    enrolment.close()
    follower.close()
    return {person: member.name for person, member in zip(people, CAST, strict=True)}


@contextmanager
def _services(show: Show) -> Iterator[None]:
    """Scoring and gateway, and when they have scored the cast, ingest; all as processes.

    The server that plays the frames is a thread of this one.
    """
    err.print("starting scoring and gateway")
    with running_stack(show.settings) as check, show.watcher.watching(show.settings.gateway):
        while len(show.watcher.scores()) < len(show.names):
            check()
            time.sleep(LOOK_S)
        err.print("starting ingest")
        options = ["--mode", "open"]
        if show.played is not None:
            show.played.start()
            options = ["--mode", "enrolled", "--url", show.played.url]
        with running(["ingest", "bluesky", *options], show.settings) as check_ingest:
            show.checks += [check, check_ingest]
            yield
        if show.played is not None:
            show.played.stop()


def _until_scored(show: Show) -> Measured:
    """Wait until every act in the log is in a score that the client has, and nothing new comes."""
    assert show.played is not None, "--once needs recorded frames"
    while not show.played.done.wait(LOOK_S):
        show.check()
    deadline, before = time.monotonic() + SETTLE_S, -1
    while time.monotonic() < deadline:
        show.check()
        measured = measure(show.settings, show.watcher.arrivals)
        if measured.acts == before and not measured.waiting:
            return measured
        before = measured.acts
        time.sleep(LOOK_S)
    raise SourceUnavailable(f"{measured.waiting} acts have not been scored {SETTLE_S} s after the last frame")


def _show_until_interrupted(show: Show) -> None:
    console, ranking = Console(), Ranking(show.names)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while show.played is None or not show.played.done.is_set():
            show.check()
            ranking.update(show.watcher.scores())
            live.update(ranking.table(RANKED), refresh=True)
            time.sleep(LOOK_S)
    _tell(show, _until_scored(show))
    console.print(
        "Everything stays up until Ctrl-C. In another terminal:\n"
        f"  PRESENCE_GATEWAY={show.settings.gateway} presence watch"
    )
    while True:
        show.check()
        time.sleep(LOOK_S)


def _tell(show: Show, measured: Measured) -> None:
    console, ranking = Console(), Ranking(show.names)
    scores = show.watcher.scores()
    ranking.update(scores)
    console.print(ranking.table(RANKED))
    if scores:
        console.print(f"\nwhy {show.title(scores[0])} stands first:")
        console.print(score_panel(scores[0]))
    latencies = measured.all()
    console.print(
        f"{measured.acts} acts; from an act's arrival to its score at this client: "
        f"p50 {percentile(latencies, 50)} ms, p99 {percentile(latencies, 99)} ms"
    )
    for name, address in _addresses(show).items():
        console.print(f"  {name:10} {address}")


def _print_json(show: Show, measured: Measured) -> None:
    people = [
        score.as_dict()
        | {"name": show.title(score), "latency_ms": _latency(measured.by_person.get(score.person, []))}
        for score in show.watcher.scores()
    ]
    print(
        json.dumps({"people": people, "latency_ms": _latency(measured.all()), "addresses": _addresses(show)})
    )


def _latency(latencies: list[int]) -> dict[str, Any]:
    return {"acts": len(latencies), "p50": percentile(latencies, 50), "p99": percentile(latencies, 99)}


def _addresses(show: Show) -> dict[str, str]:
    return {
        "kafka": show.settings.kafka,
        "gateway": show.settings.gateway,
        "jetstream": show.played.url if show.played else "the public network",
        "log": str(log_path(show.settings)),
    }
