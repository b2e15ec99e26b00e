"""A runner that asks a network over a real socket, on a thread, and keeps what it would log."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from presence.demo.wire.api import Answer, Api
from presence.events.vocabulary import Event, Kind, PersonId
from presence.ingest.address import Addressing
from presence.ingest.cursor import Checkpoint, CursorStore, Trail
from presence.ingest.network import known
from presence.ingest.polled import PolledSource, Watch
from presence.ingest.received import ReceivedIndex
from presence.ingest.recent import Recent
from presence.ingest.rehearsal import LinesOutlet, NoCursors, OneEnrolled
from presence.ingest.runner import Runner

PATIENCE_S = 60


class Kept(LinesOutlet):
    """Keeps events, and acknowledges them only when told to."""

    def __init__(self) -> None:
        super().__init__(None)
        self.events: list[Event] = []
        self.holds_back = False
        self.sent = 0

    def event(self, event: Event) -> None:
        self.events.append(event)

    def passed(self, position: int) -> None:
        self.sent = position
        self.collect()

    def collect(self) -> None:
        if not self.holds_back:
            self.position = self.sent or None


@dataclass
class Polled:
    runner: Runner
    kept: Kept


@contextmanager
def polled(  # noqa: PLR0917 (who is asked, with what, for whom, and where places are kept)
    network: str,
    api: Api,
    given: Mapping[str, str],
    accounts: Sequence[str],
    folder: Path,
    kept: Kept | None = None,
) -> Iterator[Polled]:
    """A runner on a thread that asks `api`, for one person with all of `accounts`."""
    polling = known(network).polling
    assert polling is not None
    roster = OneEnrolled(PersonId("ada"), known(network).name, *accounts)
    cursors, received = CursorStore(folder / "places"), ReceivedIndex(folder / "received")
    poller = polling.poller(given, Watch(lambda: accounts, cursors, api.url))
    poller.every_s = 0.02
    source, kept = PolledSource(poller), kept or Kept()
    runner = Runner(
        source=source,
        decode=polling.decode,
        follower=roster,
        addressing=Addressing(known(network).name, roster.registry, received),
        received=received,
        delivery=kept,
        recent=Recent(),
        store=NoCursors(),
        trail=Trail(Checkpoint(None, {}), 0),
        on_acknowledged=source.acknowledged,
    )
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        yield Polled(runner, kept)
    finally:
        runner.stop()
        thread.join()
        for each in (source, cursors, received):
            each.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def adds_up(runner: Runner) -> None:
    counts = runner.counts
    assert counts.read == counts.used + counts.skipped.total() + counts.dlq


def standing(events: Sequence[Event]) -> list[int]:
    undone = {event.ref_id for event in events if event.kind == Kind.UNDO}
    return sorted(event.rating for event in events if event.kind == Kind.ACTIVITY and event.id not in undone)


BUSY = [
    Answer(429, {}, {"Retry-After": "0"}),
    Answer(503, b"busy", {"Retry-After": "0"}),
    Answer(500, b""),
    None,
    Answer(200, b"{not json"),
]

GOOGLE = {
    "PRESENCE_GOOGLE_CLIENT_ID": "id",
    "PRESENCE_GOOGLE_CLIENT_SECRET": "shh",
    "PRESENCE_GOOGLE_REFRESH_TOKEN": "r",
    "PRESENCE_GOOGLE_SUBSCRIPTION": "projects/p/subscriptions/s",
    "PRESENCE_GOOGLE_ACCOUNT": "accounts/1",
}
"""What a Google source is given."""
