"""What an ingest does about accounts that go: it takes out what it still sent of them, and keeps nothing of them on disk.

An unlinked account is UNLINKED in the log before the roster says so, and until an ingest hears of it, some tenths of a second
later, it goes on sending. So it says UNLINKED again, behind all that it has sent; and a new one says so for what one
that was killed had sent. Of the erased nothing counts that comes later, but what stands in this folder is to be forgotten.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import structlog

from presence.events.door import check
from presence.events.errors import CallerError
from presence.events.vocabulary import AccountHash, Event, Kind, Network, PersonId
from presence.ingest.cursor import CursorStore, Places
from presence.ingest.lock import exclusive
from presence.ingest.received import Place, ReceivedIndex
from presence.log.clock import now_ms
from presence.log.settings import Settings
from presence.roster.follower import Follower
from presence.roster.registry import Departed, Registry

ROWS_MAX = 2_000
"""Of the index looked at between two frames: a millisecond or two."""
_Account = tuple[PersonId, Network, AccountHash]

log = structlog.get_logger()


class Roster(Protocol):
    """Who is enrolled; see Follower."""

    registry: Registry

    def catch_up(self) -> None: ...


class Departures:
    """One ingest's, of one network. One thread."""

    def __init__(self, network: Network, roster: Roster, received: ReceivedIndex, folder: Path) -> None:
        """`folder`: where this deployment keeps how far exports of the network were imported."""
        self._network = network
        self._roster = roster
        self._received = received
        self._folder = folder
        self.places: Places | None = None
        """Of a network that is asked."""
        """Of a network that is asked."""
        self._left: dict[_Account, None] = {}
        self._scrub: Place | None = Place()
        self._version = -1
        roster.registry.on_departure = self._gone

    def met(self, event: Event) -> None:
        """An event that stands in the log already: its account may have gone since, unseen by whoever sent it."""
        account = event.person, event.network, event.account
        if event.kind in {Kind.ACTIVITY, Kind.GAUGE} and event.network == self._network:
            if not self._roster.registry.holds(event.person, event.account):
                self._left[account] = None
        elif event.kind == Kind.UNLINKED:
            self._left.pop(account, None)

    def events(self) -> Iterator[Event]:
        """What is to be sent behind everything so far; of the erased nothing, since they are so for good."""
        left, self._left = self._left, {}
        for person, network, account in left:
            if self._roster.registry.knows(person):
                yield check(
                    Event(
                        kind=Kind.UNLINKED,
                        person=person,
                        network=network,
                        account=account,
                        observed_ms=now_ms(),
                    )
                )

    def step(self) -> None:
        """Forget a little more of what is kept on disk about those who went; costs nothing when nobody did."""
        registry = self._roster.registry
        if self.places is not None and registry.version != self._version:
            self._version = registry.version
            self.places.keep_to(registry.accounts_on(self._network))
        if self._scrub is None:
            return
        if self._scrub == Place():
            _forget_imports(self._folder, registry)
        self._scrub = self._received.scrub(
            self._scrub, ROWS_MAX, lambda person: _is_known(self._roster, person)
        )

    def _gone(self, departed: Departed) -> None:
        self._scrub = Place()
        if departed.network == self._network and not departed.is_erased:
            self._left[departed.person, departed.network, departed.account] = None


def forget_on_this_machine(settings: Settings, follower: Follower) -> None:
    """Of every network of this data folder forget what is kept about people and accounts that are gone.

    What a running ingest holds it forgets itself.
    """
    for folder in sorted((settings.data / "ingest").glob("*/")):
        network, own = Network(folder.name), folder / settings.namespace
        if (own / "received").exists():
            received, at = ReceivedIndex(own / "received"), Place()
            while (
                after := received.scrub(at, ROWS_MAX, lambda person: _is_known(follower, person))
            ) is not None:
                at = after
            received.close()
        with _if_free(folder) as is_free:
            if is_free and (own / "places").exists():
                places = Places(own / "places")
                places.keep_to(follower.registry.accounts_on(network))
                places.close()
        _forget_imports(folder / "imports" / settings.namespace, follower.registry)


def _is_known(roster: Roster, person: PersonId) -> bool:
    """Whether somebody is enrolled, by the roster as it is now if it was not so before."""
    if not roster.registry.knows(person):
        roster.catch_up()
    return roster.registry.knows(person)


def _forget_imports(cursors: Path, registry: Registry) -> None:
    """Forget how far exports of people and accounts were imported that are gone; a running import is left alone."""
    with _if_free(cursors.parent) as is_free:
        if is_free and cursors.exists():
            store = CursorStore(cursors)
            gone = store.forget_where(lambda name: _is_of_nobody(name, registry))
            store.close()
            if gone:
                log.info("imports of accounts that are gone are forgotten", imports=gone)


def _is_of_nobody(name: str, registry: Registry) -> bool:
    what, *rest = name.split(":")
    if what != "export":
        return False
    return len(rest) != 3 or not registry.holds(PersonId(rest[1]), AccountHash(int(rest[2], 16)))


@contextmanager
def _if_free(folder: Path) -> Iterator[bool]:
    """Hold the folder of an ingest or import for the block, if none is at work there (or ever was: then there is none)."""
    if not folder.exists():
        yield False
        return
    with suppress(CallerError), exclusive(folder):
        yield True
        return
    yield False
