"""One partition's state on disk: people, counts, gauges, flags, ledger, and the offset, in one LMDB.

Guarantee: `save` writes the state of a batch, the ids that it counted, whom it left unpublished
and the offset after it in one transaction. After a crash at any moment the store is as before or after a
batch, never between. A lost store comes back by folding the log again.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import polars as pl

from presence.events.errors import InvariantBroken
from presence.model.fold import Folded
from presence.model.state import State
from presence.scoring import tables
from presence.scoring.batch import Batch
from presence.scoring.dead import DeadLetter
from presence.scoring.tables import NetworkCodes

SCHEMA_VERSION = 1
MAP_BYTES = 64 * 2**30
"""Address space, not disk: far above one partition's state."""
_TABLES = (*tables.ROWS, "numbers", "ledger", "revisions", "unpublished", "dead", "meta")


class Store:
    """The state of the people of one partition. One process, one writer."""

    def __init__(self, folder: Path) -> None:
        """Open or create the store in `folder`.

        Raises InvariantBroken if another process has it open, or if it is of another schema version.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "owner.lock")
        self._env = lmdb.open(
            str(folder), map_size=MAP_BYTES, max_dbs=len(_TABLES), metasync=False, writemap=False
        )
        self._db = {name: self._env.open_db(name.encode()) for name in _TABLES}
        meta = self._meta()
        if meta["schema"] != SCHEMA_VERSION:
            raise InvariantBroken(f"{folder} has schema {meta['schema']}, not {SCHEMA_VERSION}: rebuild it")
        self.offset: int = meta["offset"]
        """Of the next record to apply."""
        self.clock_ms: int = meta["clock_ms"]
        self.watermarks: dict[str, int] = meta["watermarks"]
        self._new_day_offset: int = meta["new_day_offset"]
        self._people: int = meta["people"]
        self._networks = NetworkCodes(meta["networks"])

    def close(self) -> None:
        """Release the store; another process may open it."""
        self._env.close()
        os.close(self._lock)

    def load(self, people: Sequence[str], ids: pl.DataFrame | None = None) -> State:
        """The state of `people`, and of the ledger the rows of `ids` (person, id), as the fold wants it."""
        with self._env.begin() as txn:
            frames = {name: self._load(txn, name, people) for name in tables.ROWS}
            ledger = State.empty().ledger if ids is None else self._load_ledger(txn, ids)
        state = State(**frames, ledger=ledger, clock_ms=self.clock_ms, watermarks=dict(self.watermarks))
        return state.canonical()

    def save(self, folded: Folded, batch: Batch) -> None:
        """Write what `batch` left, and go on after it.

        Its people are left unpublished; if it brings a new day, everybody is.
        """
        state, last_offsets = folded.state, batch.last_offsets
        new_day_offset = batch.new_day_offset(self.clock_ms, self.watermarks)
        with self._env.begin(write=True) as txn:
            numbers = self._numbers(txn, list(last_offsets))
            self._drop_ledger(txn, folded, numbers)
            self._save_ledger(txn, state.ledger, numbers)
            for name in tables.ROWS:
                self._save(txn, name, getattr(state, name), list(last_offsets))
            stamps = [(p.encode(), at.to_bytes(8, "big")) for p, at in last_offsets.items()]
            self._put(txn, "revisions", stamps)
            self._put(txn, "unpublished", [(person, b"") for person, _ in stamps])
            if new_day_offset is not None:
                self._new_day_offset = new_day_offset
                with txn.cursor(db=self._db["revisions"]) as everybody:
                    self._put(
                        txn, "unpublished", ((person, b"") for person in everybody.iternext(values=False))
                    )
            for letter in batch.dead:
                value = json.dumps([letter.reason, letter.value.hex()]).encode()
                txn.put(letter.offset.to_bytes(8, "big"), value, db=self._db["dead"])
            self.offset, self.clock_ms, self.watermarks = (
                batch.next_offset,
                state.clock_ms,
                dict(state.watermarks),
            )
            self._save_meta(txn)

    def unpublished(self, people_max: int) -> dict[str, int]:
        """Up to `people_max` people whose score is not published, each with the offset of its revision."""
        with self._env.begin() as txn, txn.cursor(db=self._db["unpublished"]) as cursor:
            people = [key.decode() for key in islice(cursor.iternext(values=False), people_max)]
            return self._revisions(txn, people)

    def published(self, revisions: Mapping[str, int]) -> None:
        """Remember that these revisions are out; who has a newer one by now stays unpublished."""
        with self._env.begin(write=True) as txn:
            newest = self._revisions(txn, list(revisions))
            for person, offset in revisions.items():
                if newest[person] == offset:
                    txn.delete(person.encode(), db=self._db["unpublished"])

    def dead_letters(self) -> list[DeadLetter]:
        """What is still to be reported to the dead letter topic, oldest first."""
        with self._env.begin() as txn, txn.cursor(db=self._db["dead"]) as cursor:
            return [
                DeadLetter(int.from_bytes(key, "big"), reason, bytes.fromhex(value))
                for key, packed in cursor
                for reason, value in [json.loads(packed)]
            ]

    def reported(self, letters: Iterable[DeadLetter]) -> None:
        """Forget dead letters that are out."""
        with self._env.begin(write=True) as txn:
            for letter in letters:
                txn.delete(letter.offset.to_bytes(8, "big"), db=self._db["dead"])

    def _meta(self) -> dict[str, Any]:
        with self._env.begin() as txn:
            value = txn.get(b"meta", db=self._db["meta"])
        return json.loads(value) if value else dict(_NEW)

    def _save_meta(self, txn: lmdb.Transaction) -> None:
        meta = {
            "schema": SCHEMA_VERSION,
            "offset": self.offset,
            "clock_ms": self.clock_ms,
            "watermarks": self.watermarks,
            "new_day_offset": self._new_day_offset,
            "people": self._people,
            "networks": self._networks.names,
        }
        txn.put(b"meta", json.dumps(meta).encode(), db=self._db["meta"])

    def _get(self, txn: lmdb.Transaction, table: str, keys: Iterable[bytes]) -> list[tuple[bytes, bytes]]:
        with txn.cursor(db=self._db[table]) as cursor:
            found: list[tuple[bytes, bytes]] = cursor.getmulti(keys)  # type: ignore[assignment]  # no buffers here
            return found

    def _put(self, txn: lmdb.Transaction, table: str, items: Iterable[tuple[bytes, bytes]]) -> None:
        with txn.cursor(db=self._db[table]) as cursor:
            cursor.putmulti(items)

    def _revisions(self, txn: lmdb.Transaction, people: Sequence[str]) -> dict[str, int]:
        found = self._get(txn, "revisions", [person.encode() for person in people])
        return {key.decode(): max(int.from_bytes(at, "big"), self._new_day_offset) for key, at in found}

    def _numbers(self, txn: lmdb.Transaction, people: Sequence[str]) -> dict[str, bytes]:
        """Each person's number in this store, 4 bytes; new people get the next ones."""
        found = self._get(txn, "numbers", [person.encode() for person in people])
        numbers = {key.decode(): number for key, number in found}
        for person in people:
            if person not in numbers:
                numbers[person] = self._people.to_bytes(4, "big")
                self._people += 1
                txn.put(person.encode(), numbers[person], db=self._db["numbers"])
        return numbers

    def _load(self, txn: lmdb.Transaction, name: str, people: Sequence[str]) -> pl.DataFrame:
        found = self._get(txn, name, [person.encode() for person in people])
        rows, lengths = tables.from_values([value for _, value in found], tables.ROWS[name])
        owners = pl.Series("person", [key.decode() for key, _ in found], dtype=pl.String)
        owner = owners.gather(np.repeat(np.arange(len(found)), lengths))
        return tables.unpack(rows, self._networks).with_columns(owner).select(tables.COLUMNS[name])

    def _save(self, txn: lmdb.Transaction, name: str, frame: pl.DataFrame, people: Sequence[str]) -> None:
        packed = tables.pack(frame, tables.ROWS[name], self._networks)
        values = {
            person.encode(): value for person, value in tables.by_person(frame.get_column("person"), packed)
        }
        self._put(txn, name, values.items())
        for key in {person.encode() for person in people} - values.keys():
            txn.delete(key, db=self._db[name])

    def _load_ledger(self, txn: lmdb.Transaction, ids: pl.DataFrame) -> pl.DataFrame:
        people = ids.get_column("person").unique().to_list()
        found = self._get(txn, "numbers", [person.encode() for person in people])
        owners = {number: key.decode() for key, number in found}
        numbers = {person: number for number, person in owners.items()}
        keys = [
            numbers[person] + id_.to_bytes(8, "big") for person, id_ in ids.iter_rows() if person in numbers
        ]
        entries = self._get(txn, "ledger", keys)
        rows, lengths = tables.from_values([value for _, value in entries], tables.LEDGER)
        if lengths.size and lengths.max() != 1:
            raise InvariantBroken("a ledger entry is not one row")
        return (
            tables.unpack(rows, self._networks)
            .with_columns(
                pl.Series("person", [owners[key[:4]] for key, _ in entries], dtype=pl.String),
                pl.Series("id", [int.from_bytes(key[4:], "big") for key, _ in entries], dtype=pl.UInt64),
            )
            .select(tables.COLUMNS["ledger"])
        )

    def _save_ledger(self, txn: lmdb.Transaction, ledger: pl.DataFrame, numbers: Mapping[str, bytes]) -> None:
        packed = tables.pack(ledger, tables.LEDGER, self._networks)
        keys = (
            numbers[person] + id_.to_bytes(8, "big")
            for person, id_ in ledger.select("person", "id").iter_rows()
        )
        self._put(txn, "ledger", zip(keys, (row.tobytes() for row in packed), strict=True))

    def _drop_ledger(self, txn: lmdb.Transaction, folded: Folded, numbers: Mapping[str, bytes]) -> None:
        """Delete what unlinking and erasing took; what came after it is written again by the caller."""
        for person in folded.erased:
            self._drop(txn, numbers[person], lambda _: True)
        for person, network, account in folded.unlinked:
            if network in self._networks.names:
                code = self._networks.names.index(network)
                self._drop(txn, numbers[person], partial(_counted_of, code, account))

    def _drop(self, txn: lmdb.Transaction, prefix: bytes, gone: Callable[[np.void], bool]) -> None:
        with txn.cursor(db=self._db["ledger"]) as cursor:
            more = cursor.set_range(prefix)
            while more and cursor.key()[: len(prefix)] == prefix:
                row = np.frombuffer(cursor.value(), tables.LEDGER)[0]
                more = cursor.delete() if gone(row) else cursor.next()


_NEW = {
    "schema": SCHEMA_VERSION,
    "offset": 0,
    "clock_ms": 0,
    "watermarks": {},
    "new_day_offset": -1,
    "people": 0,
    "networks": [],
}


def _counted_of(network: int, account: int, row: np.void) -> bool:
    return bool(row["network"] == network and row["account"] == account and not row["undone"])


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise InvariantBroken(f"another process has the store {path.parent} open") from error
    return handle
