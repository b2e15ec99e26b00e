"""One run of the demonstration: who is enrolled, which processes run, what is played, and when all of it is scored."""

import os
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from presence.broker import Broker
from presence.broker.ports import free_port
from presence.cli.broker import start_with_progress
from presence.cli.context import settings
from presence.cli.stack import Check, running, running_stack
from presence.client import Score
from presence.demo.frames import CAST
from presence.demo.jetstream import Jetstream
from presence.demo.latency import Measured, measure
from presence.demo.networks import opened
from presence.demo.networks.venue import Member, Venue
from presence.demo.watcher import Watcher
from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import Network, PersonId
from presence.log.clock import now_ms
from presence.log.kafka import ensure_topics
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.people import ConsentBasis

SETTLE_S = 60
"""How long after the last act was played the last score may take."""
LOOK_S = 0.5
BLUESKY = Network("bluesky")

err = Console(stderr=True)


@dataclass(slots=True, kw_only=True)
class Show:
    """What is played to whom, and what a client saw of it. `played` None: the public network, and nothing else."""

    settings: Settings
    played: Jetstream | None
    venues: Sequence[Venue]
    members: Mapping[PersonId, Member]
    """Who is on which network; each on one."""
    watcher: Watcher = field(default_factory=Watcher)
    checks: list[Check] = field(default_factory=list)
    before: Mapping[PersonId, int] = field(default_factory=dict)
    """Millipoints of presence before anything happened."""
    _is_released: bool = False

    def step(self) -> None:
        """Look after what runs; to be called twice a second. Raises SourceUnavailable if a service has ended, or never came.

        Bluesky begins when all other networks are scored, so that its latencies are not those of processes that start.
        """
        for each in self.checks:
            each()
        if self.played is not None and not self._is_released and self._are_counted():
            self.played.release()
            self._is_released = True

    def title(self, score: Score) -> str:
        member = self.members.get(score.person)
        return member.name if member else score.person

    def people_on(self, network: Network) -> list[PersonId]:
        return [person for person, member in self.members.items() if member.network == network]

    @property
    def is_played(self) -> bool:
        """Whether nothing more will happen on any network."""
        return self.played is not None and self.played.done.is_set()

    def measure(self) -> Measured:
        return measure(self.settings, self.watcher.arrivals)

    def until_scored(self) -> Measured:
        """Wait until every act in the log is in a score that the client has, and nothing new comes."""
        while not self.is_played:
            self.step()
            time.sleep(LOOK_S)
        deadline, before = time.monotonic() + SETTLE_S, -1
        while time.monotonic() < deadline:
            self.step()
            measured = self.measure()
            if measured.acts == before and not measured.waiting:
                return measured
            before = measured.acts
            time.sleep(LOOK_S)
        raise SourceUnavailable(
            f"{measured.waiting} acts have not been scored {SETTLE_S} s after the last was played"
        )

    def _are_counted(self) -> bool:
        measured = self.measure()
        told = {person: measured.said_of([person]).total() for person in self.members}
        return not measured.waiting and all(
            told[person] >= member.acts
            for person, member in self.members.items()
            if member.network != BLUESKY
        )


@contextmanager
def shown(played: Jetstream | None, end_ms: int) -> Iterator[Show]:
    """A run with everything at work; nothing is left of it. What is played has happened by `end_ms`."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="presence-demo-")))
        found = stack.enter_context(_deployment(folder))
        venues = stack.enter_context(opened(folder, end_ms)) if played is not None else ()
        members = _enrolled(found, [*_cast(), *(each for venue in venues for each in venue.members)])
        show = Show(
            settings=found, played=played, venues=venues, members=members if played is not None else {}
        )
        _start(show, stack)
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


def _cast() -> list[Member]:
    return [Member(BLUESKY, "Bluesky", "websocket, Jetstream", each.name, each.did, 1) for each in CAST]


def _enrolled(found: Settings, members: Sequence[Member]) -> dict[PersonId, Member]:
    master = MasterKey.load(found)
    follower = Follower(found, master)
    enrolment = Enrolment(found, master, follower)
    basis = ConsentBasis.DEMONSTRATION
    people = enrolment.enrol([NewPerson(each.kind, each.network, each.native, basis) for each in members])
    enrolment.close()
    follower.close()
    return dict(zip(people, members, strict=True))


def _start(show: Show, stack: ExitStack) -> None:
    """Scoring and gateway, and when they have scored the members, each ingest; all as processes.

    The servers that play the networks are threads of this one.
    """
    err.print("starting scoring and gateway")
    show.checks.append(stack.enter_context(running_stack(show.settings)))
    stack.enter_context(show.watcher.watching(show.settings.gateway))
    while len(show.watcher.scores()) < len(show.members):
        show.step()
        time.sleep(LOOK_S)
    show.before = {score.person: score.presence for score in show.watcher.scores()}
    err.print("starting ingest")
    if show.played is None:
        command = ["ingest", "bluesky", "--mode", "open"]
        show.checks.append(stack.enter_context(running(command, show.settings)))
        return
    show.played.start()
    stack.callback(show.played.stop)
    people = {member.network: person for person, member in show.members.items()}
    command = ["ingest", "bluesky", "--mode", "enrolled", "--url", show.played.url]
    show.checks.append(stack.enter_context(running(command, show.settings)))
    for venue in show.venues:
        command = venue.command(people)
        ends = command[0] == "import"
        service = running(command, show.settings, environment=venue.environment, ends=ends)
        show.checks.append(stack.enter_context(service))
        show.checks.append(_begun(venue))


def _begun(venue: Venue) -> Check:
    """Let happen there what does, in a thread that nobody waits for."""
    failures: list[SourceUnavailable] = []

    def play() -> None:
        try:
            venue.play()
        except SourceUnavailable as error:
            failures.append(error)

    def check() -> None:
        if failures:
            raise failures[0]

    threading.Thread(target=play, name=venue.members[0].network, daemon=True).start()
    return check
