"""One partition's state on disk: people with their counts, the ledger, who is unpublished, and the offset.

Guarantee: `save` writes the state of a batch, the ids that it counted, whom it left unpublished
and the offset after it in one transaction. After a crash at any moment the store is as before or after a
batch, never between. A lost store comes back by folding the log again.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

import lmdb
import msgspec
import numpy as np
import polars as pl

from presence.batch import closing, tables
from presence.batch.closing import Closed, Day
from presence.batch.letters import Letter
from presence.batch.records import Batch
from presence.batch.tables import HEADER, NetworkCodes
from presence.events.errors import InvariantBroken, SourceUnavailable
from presence.log.lock import hold
from presence.log.topics import DAY_MS
from presence.model.fold import Folded, for_everybody
from presence.model.spec import Model
from presence.model.state import State
from presence.scoring import states
from presence.scoring.ledger import Entries, Ledger
from presence.scoring.outbox import Outbox
from presence.scoring.pending import Pending
from presence.scoring.states import Loaded

SCHEMA_VERSION = 3
MAP_BYTES = 2**30
"""Address space to begin with; it doubles when the state has grown so far."""
_TABLES = ("people", "ledger", "pending", "outbox", "meta")
_UNKNOWN = np.zeros(1, dtype=HEADER).tobytes()
Result = TypeVar("Result")


class Meta(msgspec.Struct, frozen=True):
    """What is known of the partition as a whole.

    offset: of the next record to apply; new_day_offset: of the last record that changed everybody's score; sweep:
    the last person whom it has made due, None when it has reached everybody; day: the last one that ended.
    erased_offset: of the newest erasure; a copy of the store that is not newer still holds who was erased. renewed_offset:
    of the newest erasure of which the file has no byte left, not in its unused pages either; see `ownership.renewed`.
    """

    schema: int = SCHEMA_VERSION
    offset: int = 0
    clock_ms: int = 0
    watermarks: dict[str, int] = {}
    new_day_offset: int = -1
    sweep: str | None = None
    day: Day | None = None
    erased_offset: int = -1
    renewed_offset: int = -1
    networks: tuple[str, ...] = ("",)
    model: str = ""
    """The hash of the model whose signals and scores these are."""

    @property
    def is_renewed(self) -> bool:
        """Whether no page holds what was erased. LMDB leaves unused ones as they are until it needs them."""
        return self.renewed_offset >= self.erased_offset


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
    """What is to be published: whose score, their last changes, the offsets of their revisions, their state.

    In the state a person is the position among those loaded.
    """

    changes: Mapping[str, int]
    loaded: Loaded
    offsets: np.ndarray
    state: State
    letters: Sequence[tuple[bytes, Letter]]


class Store:
    """The state of the people of one partition. One process, one writer."""

    def __init__(self, folder: Path, map_bytes: int = MAP_BYTES) -> None:
        """Open or create the store in `folder`.

        Raises StoreHeld if another process has it open, InvariantBroken if it is damaged or of another schema.
        """
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder / "owner.lock")
        try:
            self._env = lmdb.open(str(folder), map_size=map_bytes, max_dbs=len(_TABLES), metasync=False)
            self._db = {name: self._env.open_db(name.encode()) for name in _TABLES}
            self._ledger = Ledger(self._db["ledger"])
            self._outbox = Outbox(self._db["outbox"])
            with self._env.begin() as txn:
                self._pending = Pending(self._db["pending"], txn)
                value = txn.get(b"meta", db=self._db["meta"])
            self.meta = Meta() if value is None else msgspec.json.decode(value, type=Meta)
        except lmdb.DiskError as error:
            os.close(self._lock)
            raise _no_room(folder) from error
        except (lmdb.Error, ValueError) as error:
            os.close(self._lock)
            raise InvariantBroken(f"{folder} cannot be read ({error}): rebuild it") from error
        if self.meta.schema != SCHEMA_VERSION:
            self.close()
            raise InvariantBroken(f"{folder} has schema {self.meta.schema}, not {SCHEMA_VERSION}: rebuild it")
        self._networks = NetworkCodes(self.meta.networks)
        self._newest: tuple[int, Loaded] | None = None
        """The number of the last batch's change, and its people as they are since."""

    @staticmethod
    def is_held(folder: Path) -> bool:
        """Whether a process has the store in `folder` open, however damaged it is."""
        try:
            os.close(_lock(folder / "owner.lock"))
        except StoreHeld:
            return True
        return False

    @property
    def offset(self) -> int:
        """Of the next record to apply."""
        return self.meta.offset

    @property
    def change(self) -> int:
        """The number of the last change of anybody, as `Due.changes` has it."""
        return self._pending.newest

    @property
    def unpublished(self) -> int:
        """How many people have changed and are not out."""
        return len(self._pending)

    @property
    def letters(self) -> int:
        """How many letters are not out."""
        with self._env.begin() as txn:
            entries: int = txn.stat(self._db["outbox"])["entries"]
        return entries

    @property
    def sweeping(self) -> bool:
        """Whether a new day has still to reach somebody."""
        return self.meta.sweep is not None

    def close(self) -> None:
        """Release the store; another process may open it."""
        self._env.close()
        os.close(self._lock)

    def keep_to(self, model: Model) -> None:
        """Raises InvariantBroken if the state is another model's: its counts and its published scores are."""
        if self.meta.model not in {"", model.hash}:
            raise InvariantBroken(
                f"{self.folder} was scored by the model {self.meta.model}, not {model.name} ({model.hash}): score by it "
                "beside, as another PRESENCE_VARIANT"
            )
        self.meta = msgspec.structs.replace(self.meta, model=model.hash)

    def copy(self, target: Path) -> None:
        """Copy it as of the last commit, compacted, into the folder `target`; may be called from another thread."""
        self._env.copy(str(target), compact=True)

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

    def save(
        self,
        opened: Opened,
        folded: Folded,
        batch: Batch,
        made: Closed | None,
        reasons: Sequence[Letter] = (),
    ) -> None:
        """Write what `batch` left, and go on after it; `made` are closings that were due before it, `reasons` letters that it left.

        Its people are left unpublished; if it brings a new day, everybody will be.
        """
        loaded, entries = opened.loaded, opened.entries
        if made is not None:
            loaded = replace(loaded, packed=closing.closed(loaded.packed, made))
        day = -1 if self.meta.day is None else self.meta.day.day
        new = states.changed(loaded, folded.state, batch.last_offsets, day, self._networks)
        kept = ~opened.shown & states.standing(entries, folded, self._networks)
        ledger = np.concatenate([entries.rows[kept], new.ledger])
        owner = np.concatenate([entries.owner[kept], new.ledger_owner])
        meta = self._after(batch, folded.state)
        people = loaded.people.to_list()
        gone = {loaded.keys[at]: closing.days(loaded.packed, at) for at in folded.erased.to_list()}

        def write(txn: lmdb.Transaction) -> int:
            header = new.packed.header.copy()
            inline = self._ledger.write(txn, loaded.keys, entries, ledger, owner, header=header)
            self._put(txn, loaded.keys, tables.Packed(header, {**new.packed.rows, "ledger": inline}))
            self._outbox.put(txn, [*closing.letters(loaded.people, made), *batch.dead])
            if gone:
                self._outbox.take_back(txn, gone)
            self._outbox.put(txn, reasons)
            self._save_meta(txn, meta)
            return self._pending.record(txn, people)

        number = self._written(write)
        self._pending.changed(number, people)
        self.meta = meta
        everybody = np.ones(len(people), dtype=np.bool_)
        self._newest = number, replace(loaded, known=everybody, packed=new.packed)

    def _after(self, batch: Batch, state: State) -> Meta:
        meta = msgspec.structs.replace(
            self.meta,
            offset=batch.next_offset,
            clock_ms=state.clock_ms,
            watermarks=dict(state.watermarks),
            networks=tuple(self._networks.names),
        )
        new_day_offset = batch.new_day_offset(self.meta.clock_ms, self.meta.watermarks)
        if new_day_offset is not None:
            meta = msgspec.structs.replace(meta, new_day_offset=new_day_offset, sweep="")
        if batch.erased_offset is not None:
            meta = msgspec.structs.replace(meta, erased_offset=batch.erased_offset)
        if batch.ends_day:
            ended = state.clock_ms // DAY_MS - 1
            day = Day(ended, batch.next_offset - 1, state.clock_ms, dict(state.watermarks))
            meta = msgspec.structs.replace(meta, day=day)
        return meta

    def load(self, people: Sequence[str], ids: pl.DataFrame | None = None) -> State:
        """The state of `people`, and of the ledger the rows of `ids` (person, id); canonical."""
        loaded = self._load(pl.Series(sorted(people), dtype=pl.String))
        if ids is None:
            return states.named(self._everybodys(loaded, self._networks.name), loaded.people)
        state = states.named(self._with_ledger(loaded), loaded.people)
        return replace(state, ledger=state.ledger.join(ids, on=["person", "id"], how="semi")).canonical()

    def whole(self, after: str, people_max: int) -> tuple[pl.Series, np.ndarray, State] | None:
        """The next people after `after`, the offset of each one's newest record, and all their state, by position.

        None at the end.
        """
        loaded = self._following(after, people_max)
        if not len(loaded.people):
            return None
        return loaded.people, loaded.packed.header["offset"], self._with_ledger(loaded)

    def _with_ledger(self, loaded: Loaded) -> State:
        everybody = np.ones(len(loaded.people), dtype=np.bool_)
        nothing = np.empty(0, dtype=np.intp), np.empty(0, dtype=np.uint64)
        with self._env.begin() as txn:
            entries = self._ledger.read(txn, loaded.keys, loaded.packed, nothing, everybody)
        every = np.ones(len(entries.rows), dtype=np.bool_)
        ledger = states.ledger_frame(entries, every, self._networks.name)
        return replace(self._everybodys(loaded, self._networks.name), ledger=ledger)

    def due(self, people_max: int, letters_max: int) -> Due:
        """Up to `people_max` people whose score is not published, and up to `letters_max` letters."""
        changes = self._pending.oldest(people_max)
        loaded = self._changed(changes)
        offsets = np.maximum(loaded.packed.header["offset"], self.meta.new_day_offset)
        with self._env.begin() as txn:
            letters = self._outbox.oldest(txn, letters_max)
        return Due(changes, loaded, offsets, self._everybodys(loaded, self._networks.name), letters)

    def published(self, changes: Mapping[str, int], letters: Sequence[bytes]) -> None:
        """Remember that these are out; who has changed since stays unpublished.

        Of people the disk is told with the next batch, or by `settle`: a transaction of its own would take as long as a small batch.
        """
        self._pending.published(changes)
        if letters:
            self._written(lambda txn: self._outbox.sent(txn, letters))

    def settle(self) -> None:
        """Tell the disk who is out, if it does not know yet."""
        if not self._pending.settled:
            self._written(self._pending.forget)

    def renewed(self) -> None:
        """The file is new since the newest erasure."""
        meta = msgspec.structs.replace(self.meta, renewed_offset=self.meta.erased_offset)
        self._written(lambda txn: self._save_meta(txn, meta))
        self.meta = meta

    def unswept(self, people_max: int) -> Loaded:
        """The next people whom the new day has not reached yet; nobody at its end."""
        return self._following(self.meta.sweep or "", people_max)

    def _following(self, after: str, people_max: int) -> Loaded:
        """Up to `people_max` people after `after`, in their order."""
        with self._env.begin() as txn, txn.cursor(db=self._db["people"]) as cursor:
            found = (
                islice(cursor.iternext(values=False), people_max)
                if cursor.set_range(after.encode() + b"\0")
                else ()
            )
            people = [bytes(key).decode() for key in found]
        return self._load(pl.Series(people, dtype=pl.String))

    def swept(self, loaded: Loaded, made: Closed | None) -> None:
        """The new day has reached these people: they are due, with `made` their closings. The erased have no days."""
        last = loaded.people[-1] if len(loaded.people) else None
        people = loaded.people.filter(pl.Series(~loaded.packed.header["erased"])).to_list()
        meta = msgspec.structs.replace(self.meta, sweep=last)

        def write(txn: lmdb.Transaction) -> int:
            if made is not None:
                self._put(txn, loaded.keys, closing.closed(loaded.packed, made))
                self._outbox.put(txn, closing.letters(loaded.people, made))
            self._save_meta(txn, meta)
            return self._pending.record(txn, people)

        self._pending.changed(self._written(write), people)
        self.meta = meta

    def state_at(self, loaded: Loaded, chosen: np.ndarray, day: Day) -> State:
        """The state of the chosen people as it stood when `day` ended; nothing has touched them since."""
        state = replace(loaded, packed=loaded.packed.only(chosen), known=loaded.known[chosen])
        return replace(state.state(self._networks.name), clock_ms=day.clock_ms, watermarks=day.watermarks)

    def _changed(self, changes: Mapping[str, int]) -> Loaded:
        """Who has changed: mostly just the people of the last batch, who need not be read again."""
        if self._newest is not None:
            number, loaded = self._newest
            if len(changes) == len(loaded.people) and set(changes.values()) == {number}:
                return loaded
        return self._load(pl.Series(sorted(changes), dtype=pl.String))

    def _load(self, people: pl.Series) -> Loaded:
        people = people.alias("person")
        keys = [person.encode() for person in people.to_list()]
        with self._env.begin() as txn, txn.cursor(db=self._db["people"]) as cursor:
            found = dict(cursor.getmulti(keys))
        known = np.fromiter((key in found for key in keys), dtype=np.bool_, count=len(keys))
        return Loaded(people, keys, known, tables.unpack([found.get(key, _UNKNOWN) for key in keys]))

    def _everybodys(self, loaded: Loaded, network: states.Network) -> State:
        state = loaded.state(network)
        return replace(state, clock_ms=self.meta.clock_ms, watermarks=dict(self.meta.watermarks))

    def _put(self, txn: lmdb.Transaction, keys: Sequence[bytes], packed: tables.Packed) -> None:
        with txn.cursor(db=self._db["people"]) as cursor:
            cursor.putmulti(zip(keys, tables.pack(packed), strict=True))

    def _written(self, change: Callable[[lmdb.Transaction], Result]) -> Result:
        """Make `change` in one transaction; where the map is full, in a map of twice the size."""
        while True:
            try:
                with self._env.begin(write=True) as txn:
                    return change(txn)
            except lmdb.DiskError as error:
                raise _no_room(self.folder) from error
            except lmdb.MapFullError:
                self._env.set_mapsize(2 * self._env.info()["map_size"])

    def _save_meta(self, txn: lmdb.Transaction, meta: Meta) -> None:
        txn.put(b"meta", msgspec.json.encode(meta), db=self._db["meta"])


def _no_room(folder: Path) -> SourceUnavailable:
    return SourceUnavailable(
        f"{folder} cannot be written, most likely the disk is full: make room, start again"
    )


def _lock(path: Path) -> int:
    try:
        return hold(path)
    except BlockingIOError as error:
        raise StoreHeld(f"another process has the store {path.parent} open") from error
