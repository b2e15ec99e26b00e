"""An import without a broker: its events go to a file of lines, under a key that is made of the person's name alone."""

import hashlib
from collections.abc import Callable
from typing import TextIO

from presence.events import lines
from presence.events.vocabulary import Event, Network, PersonId, PersonKind
from presence.ingest.cursor import Checkpoint, Offsets
from presence.ingest.frames import Frame
from presence.roster.keys import KEY_BYTES, DataKey, MasterKey
from presence.roster.people import TERMS, Account, ConsentBasis, Person
from presence.roster.registry import Registry


class OneEnrolled:
    """A roster of one, whose ids are the same in every rehearsal and nobody's in the log."""

    def __init__(self, person: PersonId, network: Network, *natives: str) -> None:
        master = MasterKey(bytes(KEY_BYTES))
        self.registry = Registry(master)
        key = DataKey(hashlib.sha256(f"rehearsal:{person}".encode()).digest())
        self.registry.add(
            Person(
                id=person,
                kind=PersonKind.PERSON,
                basis=ConsentBasis.DEMONSTRATION,
                granted_ms=0,
                terms=TERMS,
                sealed_key=master.seal(person, key),
                master_key_id=master.id,
                accounts=tuple(
                    Account(network, key.account_hash(network, each, 0), key.seal(person, each), 0)
                    for each in natives
                ),
            )
        )

    def poll(self) -> None:
        """Nobody joins."""


class LinesOutlet:
    """Takes the place of Delivery; `file` None: events are counted only."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file
        self.position: int | None = None

    def event(self, event: Event) -> None:
        if self._file is not None:
            self._file.write(lines.write(event) + "\n")

    def dead_letter(self, frame: Frame, value: bytes, reason: str) -> None:
        """Counted by the runner; there is no topic to keep it in."""

    def passed(self, position: int) -> None:
        self.position = position

    def collect(self) -> None: ...

    def stalled_s(self) -> float:
        return 0.0

    def wait_for_room(self, stopped: Callable[[], bool]) -> None: ...

    def flush(self, timeout_s: float) -> bool:  # noqa: ARG002 (the signature is the protocol's)
        if self._file is not None:
            self._file.flush()
        return True

    def offsets(self) -> Offsets:
        return {}


class NoCursors:
    """A rehearsal begins at the beginning every time."""

    def save(self, name: str, checkpoint: Checkpoint) -> None: ...

    def forget(self, name: str) -> None: ...
