"""One partition's state on disk: people with their counts, the ledger, who is unpublished, and the offset.

Guarantee: `save` writes the state of a batch, the ids that it counted, whom it left unpublished
and the offset after it in one transaction. After a crash at any moment the store is as before or after a
batch, never between. A lost store comes back by folding the log again.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import lmdb
import numpy as np
import polars as pl

from presence.events.errors import InvariantBroken
from presence.model.fold import Folded, for_everybody
from presence.model.state import State
from presence.scoring import states, tables
from presence.scoring.batch import Batch
from presence.scoring.dead import DeadLetter
from presence.scoring.ledger import Entries, Ledger
from presence.scoring.pending import Pending
from presence.scoring.states import Loaded
from presence.scoring.tables import HEADER, NetworkCodes

SCHEMA_VERSION = 2
MAP_BYTES = 2**30
"""Address space to begin with; it doubles when the state has grown so far."""
_TABLES = ("people", "ledger", "pending", "dead", "meta")
_UNKNOWN = np.zeros(1, dtype=HEADER).tobytes()
_NEW: Mapping[str, Any] = {
    "schema": SCHEMA_VERSION,
    "offset": 0,
    "clock_ms": 0,
    "watermarks": {},
    "new_day_offset": -1,
    "sweep": None,
    "networks": [""],
}
Result = TypeVar("Result")


class StoreHeld(InvariantBroken):
    """Another process has the store open."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a batch meets: its people, the ledger rows that were read, and of all that the state for the fold."""

    loaded: Loaded
    entries: Entries
    shown: np.ndarray
    """Which of the entries are in `state`: those of an id that the batch names."""
    state: State
    events: pl.DataFrame
    """Of the batch, coded as the state is: a person by position in `loaded`, a network by rank."""


@dataclass(frozen=True, slots=True)
class Due:
    """Whose score is to be published, sorted: their last changes, the offsets of their revisions, their state.

    In the state a person is the position among `people`.
    """

    changes: Mapping[str, int]
    people: pl.Series
    offsets: np.ndarray
    state: State


class Store:
    """The state of the people of one partition. One process, one writer."""

    def __init__(self, folder: Path, map_bytes: int = MAP_BYTES) -> None:
        """Open or create the store in `folder`.

        Raises StoreHeld if another process has it open, InvariantBroken if it is damaged or of another schema
        version.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "owner.lock")
        try:
            self._env = lmdb.open(str(folder), map_size=map_bytes, max_dbs=len(_TABLES), metasync=False)
            self._db = {name: self._env.open_db(name.encode()) for name in _TABLES}
            meta = self._meta()
            self._ledger = Ledger(self._db["ledger"])
            with self._env.begin() as txn:
                self._pending = Pending(self._db["pending"], txn)
        except (lmdb.Error, ValueError) as error:
            os.close(self._lock)
            raise InvariantBroken(f"{folder} cannot be read ({error}): rebuild it") from error
        if meta["schema"] != SCHEMA_VERSION:
            self.close()
            raise InvariantBroken(f"{folder} has schema {meta['schema']}, not {SCHEMA_VERSION}: rebuild it")
        self.offset: int = meta["offset"]
        """Of the next record to apply."""
        self.clock_ms: int = meta["clock_ms"]
        self.watermarks: dict[str, int] = meta["watermarks"]
        self._new_day_offset: int = meta["new_day_offset"]
        self._sweep: str | None = meta["sweep"]
        """The last person whom the new day has made due; None when it has reached everybody."""
        self._networks = NetworkCodes(meta["networks"])

    def close(self) -> None:
        """Release the store; another process may open it."""
        self._env.close()
        os.close(self._lock)

    def open_batch(self, batch: Batch) -> Opened:
        """What there is of the people of `batch`, the ledger entries that it may touch, and its coded events."""
        loaded = self._load(batch.people)
        with self._env.begin() as txn:
            entries = self._ledger.read(txn, loaded.keys, loaded.packed, batch.ids, batch.whole)
        ids = pl.Series(batch.ids[1])
        shown = pl.Series(entries.rows["id"]).is_in(ids.implode()).to_numpy()
        events = batch.named.with_columns(
            pl.Series("network", self._networks.meet(batch.named.get_column("network"))),
            pl.Series("person", batch.owner.astype(np.uint32)),
        )
        ledger = states.ledger_frame(entries, shown, self._networks.rank)
        state = replace(self._everybodys(loaded, self._networks.rank), ledger=ledger)
        return Opened(loaded, entries, shown, for_everybody(state, batch.ticks), events)

    def save(self, opened: Opened, folded: Folded, batch: Batch) -> None:
        """Write what `batch` left, and go on after it.

        Its people are left unpublished; if it brings a new day, everybody will be.
        """
        loaded, entries = opened.loaded, opened.entries
        new = states.changed(loaded, folded.state, batch.last_offsets, self._networks)
        kept = ~opened.shown & states.standing(entries, folded, self._networks)
        ledger = np.concatenate([entries.rows[kept], new.ledger])
        owner = np.concatenate([entries.owner[kept], new.ledger_owner])
        new_day_offset = batch.new_day_offset(self.clock_ms, self.watermarks)
        people = loaded.people.to_list()
        meta: dict[str, Any] = {
            "offset": batch.next_offset,
            "clock_ms": folded.state.clock_ms,
            "watermarks": dict(folded.state.watermarks),
            "new_day_offset": self._new_day_offset if new_day_offset is None else new_day_offset,
            "sweep": self._sweep if new_day_offset is None else "",
        }

        def write(txn: lmdb.Transaction) -> int:
            header = new.packed.header.copy()
            inline = self._ledger.write(txn, loaded.keys, entries, ledger, owner, header=header)
            values = tables.pack(tables.Packed(header, {**new.packed.rows, "ledger": inline}))
            with txn.cursor(db=self._db["people"]) as cursor:
                cursor.putmulti(zip(loaded.keys, values, strict=True))
            for letter in batch.dead:
                value = json.dumps([letter.reason, letter.value.hex()]).encode()
                txn.put(letter.offset.to_bytes(8, "big"), value, db=self._db["dead"])
            self._save_meta(txn, meta)
            return self._pending.record(txn, people)

        self._pending.changed(self._written(write), people)
        self.offset, self.clock_ms = batch.next_offset, folded.state.clock_ms
        self.watermarks = dict(folded.state.watermarks)
        self._new_day_offset, self._sweep = meta["new_day_offset"], meta["sweep"]

    def load(self, people: Sequence[str], ids: pl.DataFrame | None = None) -> State:
        """The state of `people`, and of the ledger the rows of `ids` (person, id); canonical."""
        loaded = self._load(pl.Series(sorted(people), dtype=pl.String))
        state = self._everybodys(loaded, self._networks.name)
        if ids is None:
            return states.named(state, loaded.people)
        everybody = np.ones(len(loaded.people), dtype=np.bool_)
        nothing = np.empty(0, dtype=np.intp), np.empty(0, dtype=np.uint64)
        with self._env.begin() as txn:
            entries = self._ledger.read(txn, loaded.keys, loaded.packed, nothing, everybody)
        every = np.ones(len(entries.rows), dtype=np.bool_)
        state = replace(state, ledger=states.ledger_frame(entries, every, self._networks.name))
        state = states.named(state, loaded.people)
        return replace(state, ledger=state.ledger.join(ids, on=["person", "id"], how="semi")).canonical()

    def due(self, people_max: int) -> Due:
        """Up to `people_max` people whose score is not published."""
        if self._sweep is not None and len(self._pending) < people_max:
            self._sweep_on(people_max - len(self._pending))
        changes = self._pending.oldest(people_max)
        loaded = self._load(pl.Series(sorted(changes), dtype=pl.String))
        offsets = np.maximum(loaded.packed.header["offset"], self._new_day_offset)
        return Due(changes, loaded.people, offsets, self._everybodys(loaded, self._networks.name))

    def published(self, changes: Mapping[str, int], dead: Iterable[DeadLetter] = ()) -> None:
        """Remember that these are out; who has changed since stays unpublished."""

        def write(txn: lmdb.Transaction) -> None:
            self._pending.published(txn, changes)
            for letter in dead:
                txn.delete(letter.offset.to_bytes(8, "big"), db=self._db["dead"])

        self._written(write)

    def dead_letters(self) -> list[DeadLetter]:
        """What is still to be reported to the dead letter topic, oldest first."""
        with self._env.begin() as txn, txn.cursor(db=self._db["dead"]) as cursor:
            return [
                DeadLetter(int.from_bytes(key, "big"), reason, bytes.fromhex(value))
                for key, packed in cursor
                for reason, value in [json.loads(packed)]
            ]

    def _load(self, people: pl.Series) -> Loaded:
        people = people.alias("person")
        keys = [person.encode() for person in people.to_list()]
        with self._env.begin() as txn, txn.cursor(db=self._db["people"]) as cursor:
            found = dict(cursor.getmulti(keys))
        known = np.fromiter((key in found for key in keys), dtype=np.bool_, count=len(keys))
        return Loaded(people, keys, known, tables.unpack([found.get(key, _UNKNOWN) for key in keys]))

    def _everybodys(self, loaded: Loaded, network: states.Network) -> State:
        state = loaded.state(network)
        return replace(state, clock_ms=self.clock_ms, watermarks=dict(self.watermarks))

    def _sweep_on(self, people_max: int) -> None:
        """Make the next people due whom the new day has not reached yet."""
        after = (self._sweep or "").encode()
        with self._env.begin() as txn, txn.cursor(db=self._db["people"]) as cursor:
            found = cursor.set_range(after + b"\0")
            people = (
                [key.decode() for key in islice(cursor.iternext(values=False), people_max)] if found else []
            )
        sweep = people[-1] if people else None

        def write(txn: lmdb.Transaction) -> int:
            self._save_meta(txn, {"sweep": sweep})
            return self._pending.record(txn, people)

        self._pending.changed(self._written(write), people)
        self._sweep = sweep

    def _written(self, change: Callable[[lmdb.Transaction], Result]) -> Result:
        """Make `change` in one transaction; where the map is full, in a map of twice the size."""
        while True:
            try:
                with self._env.begin(write=True) as txn:
                    return change(txn)
            except lmdb.MapFullError:
                self._env.set_mapsize(2 * self._env.info()["map_size"])

    def _meta(self) -> dict[str, Any]:
        with self._env.begin() as txn:
            return self._read_meta(txn)

    def _read_meta(self, txn: lmdb.Transaction) -> dict[str, Any]:
        value = txn.get(b"meta", db=self._db["meta"])
        return dict(_NEW) if value is None else json.loads(bytes(value))

    def _save_meta(self, txn: lmdb.Transaction, news: Mapping[str, Any]) -> None:
        meta = {**self._read_meta(txn), **news, "networks": self._networks.names}
        txn.put(b"meta", json.dumps(meta).encode(), db=self._db["meta"])


def _lock(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise StoreHeld(f"another process has the store {path.parent} open") from error
    return handle
