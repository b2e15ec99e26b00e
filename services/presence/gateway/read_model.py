"""The newest score of everybody, in LMDB, with how far the topics were folded; shared by all processes of a gateway.

Everything is written in one transaction with the positions, so that a kill at any moment leaves a state that was true at
some offset. The model can be deleted: the topics bring it back. One thread of one process writes, any reads. After an
erasure the writer makes a copy without unused pages, which counts from then on (see `log.numbered`), and readers follow it.

    people   person -> where the score came from, what it is ordered by, serialised Score
    changes  scores partition, scores offset -> person; one row per person, so it is the topic after compaction
    erased   person -> where and when somebody was erased; their change stays as long, so that watches are told
    order    kind, column, figure, person -> nothing
    ranks    kind, level, block -> 64 counters
    history  person, day -> serialised Score as the day closed
    roster   person -> their record of the roster, with their sealed key
    reasons  person, `/` and what -> the record of the log that decides a finding, or the company, of the person
    meta     schema, deployment, positions of the topics, whether orders and ranks are kept, how far erasures are forgotten,
             number of changes, who serves, when the topic was last read, whether unused pages may hold somebody who is erased
             (`unclean`), and whether a copy counts from now on (`moved`)
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from operator import le
from pathlib import Path
from typing import Self, TypeVar

import lmdb

from presence.events.errors import InvariantBroken
from presence.events.vocabulary import PersonId
from presence.gateway import closings, order, ranks
from presence.gateway.answers import Chunk, Page, Ranked, Seen, Standing
from presence.gateway.frames import Frames
from presence.gateway.order import Order, Place
from presence.gateway.resume import DeploymentId, Positions
from presence.gateway.rows import KINDS, PRESENCE, Gone, Row, framed_of, place_of, score_of
from presence.gateway.session import Session
from presence.gateway.tables import SIDES, Opened, opened
from presence.log.numbered import newest_folder
from presence.log.revision import Revision, decode
from presence.v1.score_pb2 import Score

SCHEMA = b"8"
DROPPED_MAX = 20_000
"""Records to go through for whom to drop from memory; after more of them everybody is dropped."""
CHANGE = struct.Struct(">IQ")
U64 = struct.Struct(">Q")

T = TypeVar("T")


class ReadModel:
    """Open it once per process and folder, as LMDB wants it; use it as a context manager."""

    _readonly = True

    def __init__(self, home: Path) -> None:
        """`home` must have been opened by its writer before."""
        self._home = home
        self._frames = Frames()
        # A serving process reads from one snapshot until it is told of another: to begin one costs more than most reads.
        self._snapshot: lmdb.Transaction | None = None
        self._open_newest()

    def _open_newest(self) -> None:
        while True:
            folder = newest_folder(self._home)
            if folder is None:
                raise InvariantBroken(f"there is no read model in {self._home}")
            try:
                self._use(opened(folder, readonly=self._readonly))
                break
            except lmdb.Error:
                if newest_folder(self._home) == folder:
                    raise  # Else it has been renewed, and is gone.
        if self._readonly:
            self._snapshot = self._env.begin(buffers=True)

    def _use(self, found: Opened) -> None:
        self._opened = found
        _, self._env, self._tables = found
        self._people, self._changes, self._erased, self._order, self._ranks, *_, self._meta = (
            self._tables.values()
        )
        self._history, self._roster, self._reasons = (self._tables[side] for side in SIDES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def _close(self) -> None:
        if self._snapshot is not None:
            self._snapshot.abort()
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
        return unpacked(self._meta_value(b"positions") or b"")

    def side_positions(self, side: str) -> Positions:
        """As `positions`, of the topic of one of SIDES."""
        return unpacked(self._meta_value(side_key(side)) or b"")

    @property
    def read_ms(self) -> int:
        """When the topic was last read, by the clock of whoever read it; 0 before `begin`."""
        packed = self._meta_value(b"read_ms")
        return U64.unpack(packed)[0] if packed else 0

    def seen(self, session: Session) -> Seen | None:
        """How far the model is; None until the writer of that session has caught up with the topics.

        What a reader answers is what the model was when this was called last.
        """
        if self._snapshot is not None:
            before = unpacked(self._snapshot.get(b"positions", b"", db=self._meta))
            self._snapshot.abort()
            self._snapshot = self._env.begin(buffers=True)
            if self._snapshot.get(b"moved", db=self._meta) is not None:
                self._close()
                self._open_newest()
            self._forget_since(before)
        with self._reading() as txn:
            if txn.get(b"serving", db=self._meta) != session:
                return None
            deployment = DeploymentId(bytes(txn.get(b"deployment", b"", db=self._meta) or b""))
            positions = unpacked(txn.get(b"positions", b"", db=self._meta) or b"")
            compacted = unpacked(txn.get(b"compacted", b"", db=self._meta) or b"")
            packed = txn.get(b"observed_ms", db=self._meta)
            observed_ms = U64.unpack(packed)[0] if packed else 0
            return Seen(deployment, positions, self._changes_so_far(txn), compacted, observed_ms)

    def _forget_since(self, before: Positions) -> None:
        """Drop from memory whoever may have changed since `before`."""
        assert self._snapshot is not None
        now = unpacked(self._snapshot.get(b"positions", b"", db=self._meta))
        comparable = len(before) == len(now) and all(map(le, before, now))
        if not comparable or sum(now) - sum(before) > DROPPED_MAX:
            self._frames.clear()
        else:
            self._frames.drop(
                PersonId(key.decode()) for _, _, key in self._changed(self._snapshot, before, now)
            )

    def score(self, person: PersonId) -> bytes | None:
        """The serialised Score of `person`, or None."""
        with self._reading() as txn:
            return self._score(txn, person.encode())

    def scores(self, people: Sequence[PersonId]) -> tuple[list[bytes], list[PersonId]]:
        """The framed Scores of `people`, in their order, all as of one moment; and who has none."""
        frames = self._frames.of(people)
        if not all(frames):
            self._fill(people, frames)
        found = list(filter(None, frames))
        if len(found) == len(frames):
            return found, []
        return found, [person for person, frame in zip(people, frames, strict=True) if frame is None]

    def _fill(self, people: Sequence[PersonId], frames: list[bytes | None]) -> None:
        """Put in place what the process has not in memory."""
        missing = {people[place].encode(): place for place, frame in enumerate(frames) if frame is None}
        with self._reading() as txn, txn.cursor(self._people) as cursor:
            for key, stored in cursor.getmulti(list(missing)):
                place = missing[bytes(key)]
                frame = frames[place] = framed_of(stored)
                if self._snapshot is not None:
                    self._frames.put(people[place], frame)

    def revision(self, person: PersonId) -> Revision | None:
        """The revision of the score of `person`; None without one."""
        with self._reading() as txn:
            row = self._row(txn, person.encode())
            return row.revision if row else None

    def page(self, wanted: Order, after: Place | None, *, rows_max: int, bytes_max: int) -> Page:
        """The scores of an order beyond `after`, as many as fit (one always does)."""
        with self._reading() as txn:
            found = sum(ranks.total(self._blocks(txn), kind) for kind in wanted.kinds)
            kinds = tuple(kind for kind in wanted.kinds if ranks.total(self._blocks(txn), kind))
            scores: list[bytes] = []
            room, last = bytes_max, after
            for place in order.walk(txn, self._order, wanted._replace(kinds=kinds), after):
                score = self._frames.get(PersonId(place.person.decode())) or self._framed(txn, place.person)
                if score is None:
                    raise InvariantBroken("the order of the read model holds nobody")
                room -= len(score)
                if scores and (len(scores) == rows_max or room < 0):
                    return Page(scores, last, found)
                scores.append(score)
                last = place
            return Page(scores, None, found)

    def rank(self, person: PersonId) -> Ranked | None:
        """Where `person` stands, all as of one moment; None without a score."""
        with self._reading() as txn:
            row = self._row(txn, person.encode())
            if row is None:
                return None
            stored, presence = self._blocks(txn), row.figures[PRESENCE]
            standings = {
                kind: Standing(
                    ranks.above(stored, kind, presence),
                    ranks.equal(stored, kind, presence),
                    ranks.total(stored, kind),
                )
                for kind in KINDS
            }
            everybody = Standing(*(sum(counts) for counts in zip(*standings.values(), strict=True)))
            return Ranked(row, everybody, standings[row.kind])

    def people_above(self, kind: int, presence: int) -> int:
        """How many people of that kind have a presence above so many millipoints; everybody's is above -1."""
        with self._reading() as txn:
            stored = self._blocks(txn)
            return ranks.total(stored, kind) if presence < 0 else ranks.above(stored, kind, presence)

    def history(
        self, person: PersonId, first: int, last: int, *, rows_max: int, bytes_max: int
    ) -> tuple[list[tuple[int, bytes]], int | None]:
        """Day and serialised Score of the days from `first` to `last`, as many as fit (one always does).

        The second is the day that the next page begins with, None after the last one.
        """
        with self._reading() as txn:
            rows: list[tuple[int, bytes]] = []
            room = bytes_max
            for day, score in closings.read(txn, self._history, person.encode(), first, last):
                room -= len(score)
                if rows and (len(rows) == rows_max or room < 0):
                    return rows, day
                rows.append((day, score))
            return rows, None

    def row(self, person: PersonId) -> Row | None:
        """Where the score of `person` came from, with its bytes; None without one."""
        with self._reading() as txn:
            return self._row(txn, person.encode())

    def reasons(self, person: PersonId) -> list[tuple[str, bytes]]:
        """What stands behind the score of `person`, by what it is: `associates`, or `flag/` and its id."""
        prefix = person.encode() + b"/"
        with self._reading() as txn, txn.cursor(self._reasons) as cursor:
            found = []
            there = cursor.set_range(prefix)
            while there and (key := bytes(cursor.key())).startswith(prefix):
                found.append((key[len(prefix) :].decode(), bytes(cursor.value())))
                there = cursor.next()
            return found

    def enrolled(self, person: PersonId) -> bytes | None:
        """The record of `person` in the roster; None for who is not enrolled."""
        with self._reading() as txn:
            value = txn.get(person.encode(), db=self._roster)
            return None if value is None else bytes(value)

    def closing_of(self, person: PersonId, revision: Revision) -> bytes | None:
        """The closing score of `person` that has this revision, if a day closed with it."""
        with self._reading() as txn:
            for score in closings.newest_first(txn, self._history, person.encode()):
                at = decode(Score.FromString(score).revision)
                if not revision.is_before(at):
                    return score if at == revision else None
            return None

    def closing_until(self, person: PersonId, day: int) -> tuple[int, bytes] | None:
        """Day and serialised Score of the last closed day of `person` that is not after `day`."""
        with self._reading() as txn:
            return closings.last_until(txn, self._history, person.encode(), day)

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
                stored = txn.get(key, db=self._people)
                place = self._gone(txn, key) if stored is None else place_of(stored)
                if place is not None and since[place[0]] <= place[1] < until[place[0]]:
                    rows.append((*place[:2], key))
            return self._chunk(txn, sorted(rows), (since, until), bytes_max)

    def changed(self, since: Positions, until: Positions) -> list[PersonId]:
        """Whose newest change lies in `since` <= offset < `until`."""
        with self._reading() as txn:
            return [PersonId(key.decode()) for _, _, key in self._changed(txn, since, until)]

    def _changed(
        self, txn: lmdb.Transaction, since: Positions, until: Positions
    ) -> Iterator[tuple[int, int, bytes]]:
        with txn.cursor(self._changes) as cursor:
            for partition, (first, end) in enumerate(zip(since, until, strict=True)):
                found = first < end and cursor.set_range(CHANGE.pack(partition, first))
                while found:
                    at_partition, offset = CHANGE.unpack(cursor.key())
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
        erased: list[PersonId] = []
        room = bytes_max
        for partition, offset, key in rows:
            score = self._framed(txn, key)
            room -= len(key if score is None else score)
            if (scores or erased) and room < 0:
                reached = (*until[:partition], offset, *since[partition + 1 :])
                return Chunk(scores, erased, reached, complete=False)
            if score is None:
                erased.append(PersonId(key.decode()))
            else:
                scores.append(score)
        return Chunk(scores, erased, until, complete=True)

    def _score(self, txn: lmdb.Transaction, key: bytes) -> bytes | None:
        stored = txn.get(key, db=self._people)
        return None if stored is None else score_of(stored)

    def _framed(self, txn: lmdb.Transaction, key: bytes) -> bytes | None:
        stored = txn.get(key, db=self._people)
        return None if stored is None else framed_of(stored)

    def _row(self, txn: lmdb.Transaction, key: bytes) -> Row | None:
        stored = txn.get(key, db=self._people)
        return None if stored is None else Row.unpacked(stored)

    def _gone(self, txn: lmdb.Transaction, key: bytes) -> Gone | None:
        stored = txn.get(key, db=self._erased)
        return None if stored is None else Gone.unpacked(stored)

    def _blocks(self, txn: lmdb.Transaction) -> ranks.Block:
        return lambda key: txn.get(key, db=self._ranks)

    def _changes_so_far(self, txn: lmdb.Transaction) -> int:
        packed = txn.get(b"changes", db=self._meta)
        return U64.unpack(packed)[0] if packed else 0

    def _meta_value(self, key: bytes) -> bytes | None:
        with self._reading() as txn:
            value = txn.get(key, db=self._meta)
            return None if value is None else bytes(value)

    def _reading(self) -> AbstractContextManager[lmdb.Transaction]:
        if self._snapshot is not None:
            return nullcontext(self._snapshot)
        return self._env.begin(buffers=True)


def side_key(side: str) -> bytes:
    return f"{side}_positions".encode()


def unpacked(packed: bytes | memoryview) -> Positions:
    return tuple(offset for (offset,) in U64.iter_unpack(packed))
