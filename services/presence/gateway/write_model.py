"""The writer of the read model: folds records of the topics into it, everything with the positions in one transaction."""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from presence.events.errors import InvariantBroken, SourceUnavailable
from presence.events.vocabulary import PersonId
from presence.gateway import closings, order, ranks
from presence.gateway.arrange import Everybody
from presence.gateway.closings import Closing
from presence.gateway.read_model import CHANGE, SCHEMA, U64, ReadModel, side_key, unpacked
from presence.gateway.resume import DeploymentId, Positions
from presence.gateway.rows import PRESENCE, Change, Gone, Row
from presence.gateway.session import Session
from presence.gateway.tables import MAP_BYTES, copy, opened
from presence.log.numbered import clean, newest_folder, numbers, remove, successor

T = TypeVar("T")


@dataclass(slots=True)
class Applied:
    """What a batch did: whose score is a new one, and how many records did nothing, by why."""

    changed: set[PersonId] = field(default_factory=set)
    erased: int = 0
    repeated: int = 0
    older: int = 0


class WriteModel(ReadModel):
    """The one that writes: of one thread, in one process."""

    _readonly = False

    def __init__(self, home: Path) -> None:
        """Make what is not there; what an older version wrote is forgotten, and what does not count is removed."""
        home.mkdir(parents=True, exist_ok=True)
        self._opening = threading.RLock()
        newest = newest_folder(home) or home / "1"
        clean(home)
        for number in numbers(home)[:-1]:
            remove(home / str(number))
        for unnumbered in home.glob("*.mdb"):  # Of a version before there were numbers.
            unnumbered.unlink()
        newest.mkdir(exist_ok=True)
        super().__init__(home)
        # Readers that were killed must not hold old pages for ever.
        self._env.reader_check()
        if self._meta_value(b"schema") not in {None, SCHEMA}:
            self._write(self._clear)
        self._arranged = self._meta_value(b"arranged") is not None

    @property
    def is_unclean(self) -> bool:
        """Whether unused pages may hold somebody who is erased: LMDB leaves them as they are until it needs them."""
        return self._meta_value(b"unclean") is not None

    def renew(self) -> None:
        """Go on with a copy that has only what is in a table; readers follow when they are rung up.

        Raises SourceUnavailable if there is no room for it: then all is as it was.
        """
        old = self._opened
        try:
            with successor(old.folder, partial(copy, old)) as target:
                fresh = opened(target, readonly=False)
                try:
                    with fresh.env.begin(write=True) as txn:
                        txn.delete(b"unclean", db=fresh.tables["meta"])
                    with old.env.begin(write=True) as txn:
                        txn.put(b"moved", b"1", db=self._meta)
                except lmdb.Error:
                    fresh.env.close()
                    raise
        except (OSError, lmdb.Error) as error:
            raise SourceUnavailable(f"the read model cannot be renewed: {error}") from error
        with self._opening:
            old.env.close()
            self._use(fresh)
        remove(old.folder)

    def begin(
        self, deployment: DeploymentId, positions: Positions, *, compacted: Positions | None = None
    ) -> None:
        """Forget everything, and be the empty model of `deployment` that reads on from `positions`; `arrange` it when it has.

        Who was erased before `compacted` (`positions`, if not given) may be missing from what is read.
        """

        def write(txn: lmdb.Transaction) -> None:
            self._clear(txn)
            txn.put(b"deployment", deployment, db=self._meta)
            txn.put(b"positions", _packed(positions), db=self._meta)
            txn.put(b"compacted", _packed(compacted or positions), db=self._meta)

        self._write(write)
        self._arranged = False

    def arrange(self) -> None:
        """Put everybody into the orders and the ranks, which until then hold nobody, and from then on what `apply` changes.

        After a kill in between it begins anew.
        """
        if self._arranged:
            return

        def empty(txn: lmdb.Transaction) -> None:
            txn.drop(self._order, delete=False)
            txn.drop(self._ranks, delete=False)

        def rank(txn: lmdb.Transaction) -> None:
            recount = self._recount(txn)
            everybody.count(recount)
            self._put(txn, self._ranks, recount.blocks().items())
            txn.put(b"arranged", b"1", db=self._meta)

        self._write(empty)
        with self._reading() as txn:
            everybody = Everybody(txn, self._people)
        for keys in everybody.orders():
            self._write(partial(self._append, table=self._order, rows=keys))
        self._write(rank)
        self._arranged = True

    def compact(self, until_ms: int) -> int:
        """Forget who was erased before `until_ms`; returns how many they are."""

        def write(txn: lmdb.Transaction) -> int:
            with txn.cursor(self._erased) as cursor:
                every = ((bytes(key), Gone.unpacked(value)) for key, value in cursor)
                old = [(key, gone) for key, gone in every if gone.read_ms < until_ms]
            compacted = list(unpacked(txn.get(b"compacted", b"", db=self._meta) or b""))
            for key, gone in old:
                txn.delete(key, db=self._erased)
                txn.delete(CHANGE.pack(gone.partition, gone.offset), db=self._changes)
                compacted[gone.partition] = max(compacted[gone.partition], gone.offset + 1)
            if old:
                self._soil(txn)
            txn.put(b"compacted", _packed(tuple(compacted)), db=self._meta)
            return len(old)

        return self._write(write)

    def begin_side(self, side: str, positions: Positions) -> None:
        """Forget everything of one of SIDES, and read on from `positions` of its topic."""

        def write(txn: lmdb.Transaction) -> None:
            if txn.stat(self._tables[side])["entries"]:
                self._soil(txn)
            txn.drop(self._tables[side], delete=False)
            txn.put(side_key(side), _packed(positions), db=self._meta)

        self._write(write)

    def apply_history(self, found: Collection[Closing], *, positions: Positions) -> None:
        """Keep the closings of these days, but of who is erased, and move on to `positions` of the topic of history."""

        def write(txn: lmdb.Transaction) -> None:
            gone = {each.person for each in found if self._gone(txn, each.person.encode())}
            closings.store(txn, self._history, [each for each in found if each.person not in gone])
            txn.put(side_key("history"), _packed(positions), db=self._meta)

        self._write(write)

    def apply_records(
        self, side: str, found: Collection[tuple[bytes, bytes | None]], *, positions: Positions
    ) -> None:
        """Keep records of the roster or of reasons by their keys, None being a tombstone, and move on to `positions`."""
        table = self._tables[side]

        def write(txn: lmdb.Transaction) -> None:
            for key, record in found:
                if record:
                    txn.put(key, record, db=table)
                elif txn.delete(key, db=table):
                    self._soil(txn)
            txn.put(side_key(side), _packed(positions), db=self._meta)

        self._write(write)

    def serve(self, session: Session) -> None:
        """Say that the writer of that session has caught up."""
        self._write(lambda txn: txn.put(b"serving", session, db=self._meta))

    def touch(self, now_ms: int) -> None:
        """Note that the topic was read to its end at `now_ms`."""
        self._env.reader_check()
        self._write(lambda txn: txn.put(b"read_ms", U64.pack(now_ms), db=self._meta))

    def apply(
        self, changes: Collection[Change], *, positions: Positions, now_ms: int, observed_ms: int = 0
    ) -> Applied:
        """Fold records, in order of offset per partition, and move on to `positions`; `observed_ms` as in Seen.

        A record that says nothing new is passed over: the same bytes at the same revision (published again after a
        crash), an older revision than the stored one, or a score of somebody who is erased.
        """

        def write(txn: lmdb.Transaction) -> Applied:
            applied = Applied()
            before: dict[bytes, Row | Gone | None] = {}
            after: dict[bytes, Row | Gone | None] = {}
            news = 0
            for change in changes:
                key = change.person.encode()
                if key not in before:
                    before[key] = after[key] = self._row(txn, key) or self._gone(txn, key)
                if _is_new(change, after[key], applied):
                    after[key] = change.row or Gone(change.partition, change.offset, now_ms)
                    news += 1
            self._replace(txn, before, after)
            txn.put(b"positions", _packed(positions), db=self._meta)
            txn.put(b"changes", U64.pack(self._changes_so_far(txn) + news), db=self._meta)
            txn.put(b"read_ms", U64.pack(now_ms), db=self._meta)
            txn.put(b"observed_ms", U64.pack(observed_ms), db=self._meta)
            return applied

        return self._write(write)

    def _replace(
        self,
        txn: lmdb.Transaction,
        before: dict[bytes, Row | Gone | None],
        after: dict[bytes, Row | Gone | None],
    ) -> None:
        """Write what a batch leaves, once for each person; keys in order, as LMDB is fastest."""
        changed = sorted(key for key in before if before[key] is not after[key])
        people: list[tuple[bytes, bytes]] = []
        changes: list[tuple[bytes, bytes]] = []
        for key in changed:
            old, new = before[key], after[key]
            assert new is not None
            if old is not None:
                txn.delete(CHANGE.pack(old.partition, old.offset), db=self._changes)
            changes.append((CHANGE.pack(new.partition, new.offset), key))
            if isinstance(new, Row):
                people.append((key, new.packed()))
            else:
                self._soil(txn)
                txn.put(key, new.packed(), db=self._erased)
                txn.delete(key, db=self._people)
                closings.forget(txn, self._history, key)
        self._put(txn, self._people, people)
        self._put(txn, self._changes, changes)
        if self._arranged:
            self._rearrange(txn, [(key, before[key], after[key]) for key in changed])

    def _rearrange(
        self, txn: lmdb.Transaction, changed: Iterable[tuple[bytes, Row | Gone | None, Row | Gone | None]]
    ) -> None:
        """Move people in the orders and the ranks from where they were to where they are."""
        gone: list[bytes] = []
        come: list[bytes] = []
        recount = self._recount(txn)
        for key, old, new in changed:
            was = set(order.keys(old, key)) if isinstance(old, Row) else set()
            will_be = set(order.keys(new, key)) if isinstance(new, Row) else set()
            gone += was - will_be
            come += will_be - was
            if isinstance(old, Row):
                recount.add(old.kind, old.figures[PRESENCE], -1)
            if isinstance(new, Row):
                recount.add(new.kind, new.figures[PRESENCE], 1)
        for key in sorted(gone):
            txn.delete(key, db=self._order)
        self._put(txn, self._order, ((key, b"") for key in come))
        self._put(txn, self._ranks, recount.blocks().items())

    def _recount(self, txn: lmdb.Transaction) -> ranks.Recount:
        return ranks.Recount(lambda key: txn.get(key, db=self._ranks))

    def _put(self, txn: lmdb.Transaction, table: Any, rows: Iterable[tuple[bytes, bytes]]) -> None:
        with txn.cursor(table) as cursor:
            cursor.putmulti(sorted(rows))

    def _append(self, txn: lmdb.Transaction, *, table: Any, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Rows in order, beyond all that the table holds."""
        with txn.cursor(table) as cursor:
            cursor.putmulti(rows, append=True)

    def _write(self, write: Callable[[lmdb.Transaction], T]) -> T:
        try:
            with self._env.begin(write=True) as txn:
                return write(txn)
        except lmdb.MapFullError as error:
            raise InvariantBroken(f"the read model has outgrown {MAP_BYTES} bytes") from error

    def _clear(self, txn: lmdb.Transaction) -> None:
        held_anybody = any(
            txn.stat(table)["entries"] for table in self._tables.values() if table is not self._meta
        )
        for table in self._tables.values():
            txn.drop(table, delete=False)
        txn.put(b"schema", SCHEMA, db=self._meta)
        if held_anybody:
            self._soil(txn)

    def _soil(self, txn: lmdb.Transaction) -> None:
        """With this transaction pages go out of use that hold what must not be kept."""
        txn.put(b"unclean", b"1", db=self._meta)

    @contextmanager
    def _reading(self) -> Iterator[lmdb.Transaction]:
        """Other threads read, too, for the metrics: not while one folder takes another's place."""
        with self._opening, self._env.begin(buffers=True) as txn:
            yield txn


def _is_new(change: Change, stored: Row | Gone | None, applied: Applied) -> bool:
    """Whether a record says something that the row does not; what it did is noted in `applied`."""
    if change.row is None:
        applied.changed.discard(change.person)
        applied.erased += 1
        return not isinstance(stored, Gone)
    if isinstance(stored, Gone):
        applied.older += 1  # Who is erased is so for good: this was made of an older state.
        return False
    if isinstance(stored, Row):
        if change.row.revision.is_before(stored.revision):
            applied.older += 1
            return False
        if change.row.score == stored.score:
            applied.repeated += 1
            return False
    applied.changed.add(change.person)
    return True


def _packed(positions: Positions) -> bytes:
    return b"".join(map(U64.pack, positions))
