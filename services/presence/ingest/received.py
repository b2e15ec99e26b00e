"""Which events a record of somebody else has made, so that they can be taken back when only its id is said.

A network that deletes a record names its author and its id, but not whom it was about. Keys are HMACs under a secret
of this folder: nothing in it names anybody who is not enrolled, and who is stands in it by pseudonym.
"""

import hashlib
import hmac
import secrets
import struct
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import lmdb

from presence.events.vocabulary import EventId, PersonId

GENERATION_RECORDS_MAX = 20_000_000
"""Two generations are kept, some 2 GB each when full: at least the newest 20 million received acts."""
MAP_BYTES_MAX = 64 * 2**30
KEY_BYTES = 16
_SECRET, _CURRENT = b"secret", b"current"
_ENTRY = struct.Struct(">QqB")


class Received(NamedTuple):
    """An event that somebody else's record made in the log of `person`."""

    person: PersonId
    event: EventId
    occurred_ms: int


class Place(NamedTuple):
    """Where in the index a scrub has come to."""

    generation: int = 0
    key: bytes = b"\0"


class ReceivedIndex:
    """Written before the events are produced; survives kill -9, not a power cut (then early acts cannot be undone)."""

    def __init__(self, folder: Path, records_max: int = GENERATION_RECORDS_MAX) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lmdb = lmdb.open(str(folder), map_size=MAP_BYTES_MAX, max_dbs=3, sync=False)
        self._records_max = records_max
        self._generations = [self._lmdb.open_db(name) for name in (b"even", b"odd")]
        self._meta = self._lmdb.open_db(b"meta")
        self._transaction: Any = None
        self._current = 0
        with self._lmdb.begin(write=True, db=self._meta) as transaction:
            secret = transaction.get(_SECRET)
            if secret is None:
                secret = secrets.token_bytes(32)
                transaction.put(_SECRET, secret)
        self._mac = hmac.new(secret, digestmod=hashlib.sha256)

    def put(self, record: str, made: Sequence[Received]) -> None:
        """Remember what the native `record` made; `commit` makes it last."""
        packed = b"".join(_pack(each) for each in made)
        transaction = self._begun()
        transaction.put(self._key(record), packed, db=self._generations[self._current])

    def find(self, record: str) -> Iterator[Received]:
        """What the native `record` has made, as far as it is still known."""
        key = self._key(record)
        transaction = self._begun()
        for generation in (self._current, 1 - self._current):
            packed = transaction.get(key, db=self._generations[generation])
            if packed is not None:
                yield from _unpack(packed)
                return

    def scrub(self, after: Place, rows_max: int, is_known: Callable[[PersonId], bool]) -> Place | None:
        """Of the next rows drop what was made in the log of people who are not known; where to go on, None at the end.

        Who is not known when this is called, with the index locked, has been erased: whoever adds rows of somebody
        knows of them.
        """
        transaction = self._begun()
        generation, key = after
        with transaction.cursor(db=self._generations[generation]) as cursor:
            more = cursor.set_range(key)
            rows = (
                [(bytes(key), bytes(value)) for key, value in islice(cursor.iternext(), rows_max)]
                if more
                else []
            )
        for key, packed in rows:
            made = list(_unpack(packed))
            left = [each for each in made if is_known(each.person)]
            if not left:
                transaction.delete(key, db=self._generations[generation])
            elif len(left) < len(made):
                transaction.put(key, b"".join(map(_pack, left)), db=self._generations[generation])
        self.commit()
        if len(rows) == rows_max:
            return Place(generation, rows[-1][0] + b"\0")
        return Place(1, b"\0") if generation == 0 else None

    def commit(self) -> None:
        """Make everything since the last commit last; a full generation gives way to the next."""
        if self._transaction is None:
            return
        if self._transaction.stat(self._generations[self._current])["entries"] >= self._records_max:
            self._current = 1 - self._current
            self._transaction.drop(self._generations[self._current], delete=False)
            self._transaction.put(_CURRENT, str(self._current).encode(), db=self._meta)
        self._transaction.commit()
        self._transaction = None

    def close(self) -> None:
        """Uncommitted entries are dropped."""
        if self._transaction is not None:
            self._transaction.abort()
        self._lmdb.close()

    def _begun(self) -> Any:
        if self._transaction is None:
            self._transaction = self._lmdb.begin(write=True)
            # Live ingest and an import of one network share this folder: the other may have turned the page.
            self._current = int(self._transaction.get(_CURRENT, b"0", db=self._meta))
        return self._transaction

    def _key(self, record: str) -> bytes:
        mac = self._mac.copy()
        mac.update(record.encode())
        return mac.digest()[:KEY_BYTES]


def _pack(made: Received) -> bytes:
    person = made.person.encode()
    return _ENTRY.pack(made.event, made.occurred_ms, len(person)) + person


def _unpack(packed: bytes) -> Iterator[Received]:
    at = 0
    while at < len(packed):
        event, occurred_ms, length = _ENTRY.unpack_from(packed, at)
        at += _ENTRY.size
        yield Received(PersonId(packed[at : at + length].decode()), EventId(event), occurred_ms)
        at += length
