"""One ingest service, what it reads, and who is met there."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import Network, PersonId, PersonKind

PATIENCE_S = 60.0
LOOK_S = 0.05
PAUSE_S = 0.1
"""Between two things that happen, so that they can be watched."""
HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is on one network only: whatever moves their score has come from there.

    `way` is how the network tells of it; `acts` how many acts and gauges of theirs come into the log.
    """

    network: Network
    title: str
    way: str
    name: str
    native: str
    acts: int
    kind: PersonKind = PersonKind.PERSON


class Venue(Protocol):
    """Served first; then its members are known, the service is started, and things happen."""

    @property
    def members(self) -> Sequence[Member]: ...

    @property
    def environment(self) -> Mapping[str, str]:
        """What the service needs of it."""

    def serve(self, stack: ExitStack) -> None:
        """Be there for the service until `stack` is closed."""

    def command(self, people: Mapping[Network, PersonId]) -> list[str]:
        """The service: arguments of `presence`. `people`: who has been enrolled for each network."""

    def play(self) -> None:
        """Let happen what did not happen before. Raises SourceUnavailable if the service does not come."""


def awaited(holds: Callable[[], object], what: str) -> None:
    """Return when `holds`. Raises SourceUnavailable with `what` after PATIENCE_S."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise SourceUnavailable(f"{what} after {PATIENCE_S:.0f} s")
        time.sleep(LOOK_S)


def iso(at_ms: int) -> str:
    """As most networks write a time: RFC 3339 in UTC, whole seconds."""
    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def every(hours: int, count: int, end_ms: int) -> list[int]:
    """`count` times, the last at `end_ms`, `hours` apart; the oldest first."""
    return [end_ms - number * hours * HOUR_MS for number in reversed(range(count))]
