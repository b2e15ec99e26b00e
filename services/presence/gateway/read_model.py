"""The newest score of everybody, in LMDB, with how far the topic of scores was folded.

Scores, their order of change and the positions are written in one transaction, so that a kill at any moment leaves
a state that was true at some offset. The model can be deleted: the topic brings it back. One thread writes, any
thread reads.

    people   person -> scores partition, scores offset, revision, serialised Score
    changes  scores partition, scores offset -> person; one row per person, so it is the topic after compaction
    meta     schema, deployment, positions, and when the topic was last read
"""

import struct
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import lmdb

from presence.events.errors import InvariantBroken
from presence.events.vocabulary import PersonId
from presence.gateway.resume import DeploymentId, Positions
from presence.log.revision import Revision

SCHEMA = b"1"
MAP_BYTES_MIN = 64 * 2**20
MAP_BYTES_MAX = 2**40
"""A terabyte: far beyond a gateway of 100 million people."""
_ROW = struct.Struct(">IQIQ")
_CHANGE = struct.Struct(">IQ")
_U64 = struct.Struct(">Q")

T = TypeVar("T")


class Change(NamedTuple):
    """One record of the topic of scores; `score` is empty for a tombstone, and `revision` means nothing then."""

    partition: int
    offset: int
    person: PersonId
    revision: Revision
    score: bytes


@dataclass(slots=True)
class Applied:
    """What a batch did: whose score is a new one, and how many records did nothing, by why."""

    changed: set[PersonId] = field(default_factory=set)
    erased: int = 0
    repeated: int = 0
    older: int = 0


class Chunk(NamedTuple):
    """Scores in the order of their change; `reached` is where the next chunk begins."""

    scores: list[bytes]
    reached: Positions
    complete: bool


class ReadModel:
    """Open it once per process and folder, as LMDB wants it; use it as a context manager."""

    def __init__(self, folder: Path, *, map_bytes: int = MAP_BYTES_MIN) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # Without metasync a power failure can lose the last transactions, which the topic brings back; never more.
        self._env = lmdb.open(str(folder), map_size=map_bytes, max_dbs=3, metasync=False)
        self._people = self._env.open_db(b"people")
        self._changes = self._env.open_db(b"changes")
        self._meta = self._env.open_db(b"meta")
        # LMDB's map may be resized only while this process has no transaction open.
        self._map_in_use = threading.Lock()
        if self._meta_value(b"schema") not in {None, SCHEMA}:
            self._write(self._clear)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._env.close()

    @property
    def deployment(self) -> DeploymentId:
        """Whose scores these are. Raises InvariantBroken before `begin`."""
        found = self._meta_value(b"deployment")
        if found is None:
            raise InvariantBroken("the read model belongs to no deployment yet")
        return DeploymentId(found)

    @property
    def positions(self) -> Positions:
        """By partition, the offset of the next record to fold; empty before `begin`."""
        packed = self._meta_value(b"positions") or b""
        return tuple(offset for (offset,) in _U64.iter_unpack(packed))

    @property
    def read_ms(self) -> int:
        """When the topic was last read, by the clock of whoever read it; 0 before `begin`."""
        packed = self._meta_value(b"read_ms")
        return _U64.unpack(packed)[0] if packed else 0

    def begin(self, deployment: DeploymentId, positions: Positions) -> None:
        """Forget everything, and be the empty model of `deployment` that reads on from `positions`."""

        def write(txn: lmdb.Transaction) -> None:
            self._clear(txn)
            txn.put(b"deployment", deployment, db=self._meta)
            txn.put(b"positions", _packed(positions), db=self._meta)

        self._write(write)

    def touch(self, now_ms: int) -> None:
        """Note that the topic was read to its end at `now_ms`."""
        self._write(lambda txn: txn.put(b"read_ms", _U64.pack(now_ms), db=self._meta))

    def apply(self, changes: Collection[Change], *, positions: Positions, now_ms: int) -> Applied:
        """Fold records, in order of offset per partition, and move on to `positions`.

        A record that says nothing new is passed over: the same bytes at the same revision (published again after a
        crash), or an older revision than the stored one.
        """

        def write(txn: lmdb.Transaction) -> Applied:
            applied = Applied()
            for change in changes:
                self._apply_one(txn, change, applied)
            txn.put(b"positions", _packed(positions), db=self._meta)
            txn.put(b"read_ms", _U64.pack(now_ms), db=self._meta)
            return applied

        return self._write(write)

    def _apply_one(self, txn: lmdb.Transaction, change: Change, applied: Applied) -> None:
        key = change.person.encode()
        stored = txn.get(key, db=self._people)
        if stored is not None:
            partition, offset, *revision = _ROW.unpack_from(stored)
            if change.score and change.revision.is_before(Revision(*revision)):
                applied.older += 1
                return
            if change.score == stored[_ROW.size :]:
                applied.repeated += 1
                return
            txn.delete(_CHANGE.pack(partition, offset), db=self._changes)
        if change.score:
            head = _ROW.pack(change.partition, change.offset, *change.revision)
            txn.put(key, head + change.score, db=self._people)
            txn.put(_CHANGE.pack(change.partition, change.offset), key, db=self._changes)
            applied.changed.add(change.person)
        else:
            txn.delete(key, db=self._people)
            applied.changed.discard(change.person)
            applied.erased += 1

    def score(self, person: PersonId) -> bytes | None:
        """The serialised Score of `person`, or None."""
        with self._reading() as txn:
            return self._score(txn, person.encode())

    def scores(self, people: Iterable[PersonId]) -> list[bytes | None]:
        """The serialised Scores of `people`, in their order, all as of one moment."""
        with self._reading() as txn:
            return [self._score(txn, person.encode()) for person in people]

    def changes(self, since: Positions, until: Positions, *, bytes_max: int) -> Chunk:
        """Scores whose newest change lies in `since` <= offset < `until`, as many as fit (one always does)."""
        with self._reading() as txn:
            return self._chunk(txn, self._changed(txn, since, until), (since, until), bytes_max)

    def changes_of(
        self, people: Iterable[PersonId], since: Positions, until: Positions, *, bytes_max: int
    ) -> Chunk:
        """As `changes`, of these people only."""
        with self._reading() as txn:
            rows = []
            for key in (person.encode() for person in people):
                if (stored := txn.get(key, db=self._people)) is not None:
                    partition, offset, *_ = _ROW.unpack_from(stored)
                    if since[partition] <= offset < until[partition]:
                        rows.append((partition, offset, key))
            return self._chunk(txn, sorted(rows), (since, until), bytes_max)

    def _changed(
        self, txn: lmdb.Transaction, since: Positions, until: Positions
    ) -> Iterator[tuple[int, int, bytes]]:
        with txn.cursor(self._changes) as cursor:
            for partition, (first, end) in enumerate(zip(since, until, strict=True)):
                found = first < end and cursor.set_range(_CHANGE.pack(partition, first))
                while found:
                    at_partition, offset = _CHANGE.unpack(cursor.key())
                    if at_partition != partition or offset >= end:
                        break
                    yield partition, offset, bytes(cursor.value())
                    found = cursor.next()

    def _chunk(
        self,
        txn: lmdb.Transaction,
        rows: Iterable[tuple[int, int, bytes]],
        span: tuple[Positions, Positions],
        bytes_max: int,
    ) -> Chunk:
        since, until = span
        scores: list[bytes] = []
        room = bytes_max
        for partition, offset, key in rows:
            score = self._score(txn, key)
            if score is None:
                raise InvariantBroken("a change in the read model is of nobody")
            room -= len(score)
            if scores and room < 0:
                reached = (*until[:partition], offset, *since[partition + 1 :])
                return Chunk(scores, reached, complete=False)
            scores.append(score)
        return Chunk(scores, until, complete=True)

    def _score(self, txn: lmdb.Transaction, key: bytes) -> bytes | None:
        stored = txn.get(key, db=self._people)
        return None if stored is None else bytes(stored[_ROW.size :])

    def _meta_value(self, key: bytes) -> bytes | None:
        with self._reading() as txn:
            value = txn.get(key, db=self._meta)
            return None if value is None else bytes(value)

    def _clear(self, txn: lmdb.Transaction) -> None:
        for table in (self._people, self._changes, self._meta):
            txn.drop(table, delete=False)
        txn.put(b"schema", SCHEMA, db=self._meta)

    @contextmanager
    def _reading(self) -> Iterator[lmdb.Transaction]:
        with self._map_in_use, self._env.begin(buffers=True) as txn:
            yield txn

    def _write(self, write: Callable[[lmdb.Transaction], T]) -> T:
        while True:
            try:
                with self._env.begin(write=True) as txn:
                    return write(txn)
            except lmdb.MapFullError:
                self._grow()

    def _grow(self) -> None:
        map_bytes = 2 * self._env.info()["map_size"]
        if map_bytes > MAP_BYTES_MAX:
            raise InvariantBroken(f"the read model has outgrown {MAP_BYTES_MAX} bytes")
        with self._map_in_use:
            self._env.set_mapsize(map_bytes)


def _packed(positions: Positions) -> bytes:
    return b"".join(map(_U64.pack, positions))
