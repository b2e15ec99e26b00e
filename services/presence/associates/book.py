"""What the log says of acts between the enrolled, in LMDB, with the offsets up to which it says so. It can be deleted.

    acts       person, event id -> which edge, who, when; a mark alone where it was taken back
    edges      person, actor, network, account -> how often followed and reacted, and when last
    left       person, network -> when they unlinked their last account there
    erased     person -> nothing
    snapshots  person -> the newest company that the log has of them
    scores     person, day -> the closing score by their own deeds
    meta       offsets by topic and partition, the tick that each partition has reached

Everything that a batch says is written in one transaction with its offsets: after a kill at any moment the book is as before or
after the batch. Memory does not grow with the people: one person's edges are in it at a time.
"""

import heapq
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import lmdb
import msgspec

from presence.associates.ties import FOLLOWING, REACTING, Company, strength
from presence.events.vocabulary import Direction, Event, Kind, PersonId

MAP_BYTES = 2**36
"""Of addresses: far more than the acts of ten million people."""
TABLES = ("acts", "edges", "left", "erased", "snapshots", "scores", "meta")
DAYS_KEPT = 3
_NUMBER = struct.Struct(">Q")
_EDGE = struct.Struct(">qqq")
_DAY = struct.Struct(">I")
_SCORE = struct.Struct(">i")
END = b"\x00"
UNDONE = b""
TAKEN_BACK = -1
"""In place of a closing score, of who was erased since."""


class Snapshot(msgspec.Struct, frozen=True, array_like=True):
    """The company of a person as the log has it, and when it was observed."""

    mean: int
    number: int
    named: tuple[str, ...]
    observed_ms: int
    id: int


class _Act(msgspec.Struct, frozen=True, array_like=True):
    edge: bytes
    follows: bool
    observed_ms: int


class Closing(NamedTuple):
    """Somebody's closing score by their own deeds, millipoints, or TAKEN_BACK."""

    person: PersonId
    day: int
    score: int


class Book:
    """One process, one writer."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        # Without metasync a power failure can lose the last transactions, which the log brings back.
        self._env = lmdb.open(str(folder), map_size=MAP_BYTES, max_dbs=len(TABLES), metasync=False)
        self._db = {name: self._env.open_db(name.encode()) for name in TABLES}

    def close(self) -> None:
        self._env.close()

    def offsets(self, topic: str) -> dict[int, int]:
        """By partition, the offset of the next record; empty at the beginning."""
        found: dict[int, int] = self._meta(f"offsets/{topic}", dict[int, int], {})
        return found

    def ticks(self) -> dict[int, int]:
        """By partition of the log, the newest tick that was reached, ms."""
        found: dict[int, int] = self._meta("ticks", dict[int, int], {})
        return found

    def written_ms(self) -> int:
        """The tick of the newest snapshot that was written whole; 0 for none."""
        return int(self._meta("written", int, 0))

    def wrote(self, tick_ms: int) -> None:
        """The snapshot of that tick is in the log."""
        with self._env.begin(write=True) as txn:
            self._put_meta(txn, "written", tick_ms)

    def apply(self, topic: str, partition: int, events: Iterable[Event], *, next_offset: int) -> None:
        """Take in what the log says next of one partition, in order."""
        with self._env.begin(write=True) as txn:
            tick = self.ticks().get(partition, 0)
            for event in events:
                if event.kind == Kind.CLOCK:
                    tick = max(tick, event.observed_ms)
                elif event.person:
                    self._take(txn, event)
            self._put_meta(txn, f"offsets/{topic}", self.offsets(topic) | {partition: next_offset})
            self._put_meta(txn, "ticks", self.ticks() | {partition: tick})

    def close_days(
        self, topic: str, partition: int, closings: Iterable[Closing], *, next_offset: int
    ) -> None:
        """Take in closing scores; days that are DAYS_KEPT older than somebody's newest are dropped."""
        with self._env.begin(write=True) as txn:
            for each in closings:
                key = each.person.encode() + END
                txn.put(key + _DAY.pack(each.day), _SCORE.pack(each.score), db=self._db["scores"])
                for old, _ in list(_prefixed(txn, self._db["scores"], key)):
                    if _DAY.unpack(old[-4:])[0] <= each.day - DAYS_KEPT:
                        txn.delete(old, db=self._db["scores"])
            self._put_meta(txn, f"offsets/{topic}", self.offsets(topic) | {partition: next_offset})

    @contextmanager
    def reading(self) -> Iterator["Reader"]:
        """The book as of now, while it may be written on."""
        with self._env.begin() as txn:
            yield Reader(txn, self._db)

    def _take(self, txn: lmdb.Transaction, event: Event) -> None:
        if txn.get(event.person.encode(), db=self._db["erased"]) is not None:
            return
        if event.kind == Kind.ACTIVITY:
            self._act(txn, event)
        elif event.kind == Kind.UNDO:
            self._undo(txn, event.person, event.ref_id)
        elif event.kind == Kind.UNLINKED:
            self._unlink(txn, event)
        elif event.kind == Kind.ERASED:
            self._erase(txn, event.person)
        elif event.kind == Kind.ASSOCIATES:
            self._remember(txn, event)

    def _act(self, txn: lmdb.Transaction, event: Event) -> None:
        follows = event.verb in FOLLOWING
        if (
            event.direction != Direction.TO
            or not event.actor_person
            or not (follows or event.verb in REACTING)
        ):
            return
        edge = END.join(
            (
                event.person.encode(),
                event.actor_person.encode(),
                event.network.encode(),
                _NUMBER.pack(event.account),
            )
        )
        act = _Act(edge, follows, event.observed_ms)
        key = _act_key(event.person, event.id)
        if txn.put(key, msgspec.msgpack.encode(act), db=self._db["acts"], overwrite=False):
            self._count(txn, act, 1)

    def _undo(self, txn: lmdb.Transaction, person: PersonId, event: int) -> None:
        key = _act_key(person, event)
        if found := txn.get(key, db=self._db["acts"]):
            self._count(txn, msgspec.msgpack.decode(found, type=_Act), -1)
            txn.put(key, UNDONE, db=self._db["acts"])
        # What is not here was not between the enrolled, as most of what is taken back: it leaves no mark.

    def _count(self, txn: lmdb.Transaction, act: _Act, by: int) -> None:
        found = txn.get(act.edge, db=self._db["edges"])
        follows, reacts, newest = _EDGE.unpack(found) if found else (0, 0, 0)
        follows, reacts = follows + by * act.follows, reacts + by * (not act.follows)
        if follows or reacts:
            txn.put(act.edge, _EDGE.pack(follows, reacts, max(newest, act.observed_ms)), db=self._db["edges"])
        else:
            txn.delete(act.edge, db=self._db["edges"])

    def _unlink(self, txn: lmdb.Transaction, event: Event) -> None:
        """What reached the account is dropped; what the account did to others counts no more, see `Reader.ties`."""
        person, mine = (
            event.person.encode() + END,
            END + event.network.encode() + END + _NUMBER.pack(event.account),
        )
        for key, value in list(_prefixed(txn, self._db["acts"], person)):
            if value and msgspec.msgpack.decode(value, type=_Act).edge.endswith(mine):
                txn.delete(key, db=self._db["acts"])
        for key, _ in list(_prefixed(txn, self._db["edges"], person)):
            if key.endswith(mine):
                txn.delete(key, db=self._db["edges"])
        left = person + event.network.encode()
        txn.put(left, _NUMBER.pack(event.observed_ms), db=self._db["left"])

    def _erase(self, txn: lmdb.Transaction, person: PersonId) -> None:
        for table in ("acts", "edges", "left", "scores"):
            for key, _ in list(_prefixed(txn, self._db[table], person.encode() + END)):
                txn.delete(key, db=self._db[table])
        txn.delete(person.encode(), db=self._db["snapshots"])
        txn.put(person.encode(), b"", db=self._db["erased"])

    def _remember(self, txn: lmdb.Transaction, event: Event) -> None:
        key = event.person.encode()
        found = txn.get(key, db=self._db["snapshots"])
        before = msgspec.msgpack.decode(found, type=Snapshot) if found else None
        if before is None or (event.observed_ms, event.id) >= (before.observed_ms, before.id):
            now = Snapshot(event.mean, event.number, event.associates, event.observed_ms, event.id)
            txn.put(key, msgspec.msgpack.encode(now), db=self._db["snapshots"])

    def _meta(self, name: str, kind: Any, default: Any) -> Any:
        with self._env.begin() as txn:
            found = txn.get(name.encode(), db=self._db["meta"])
        return default if found is None else msgspec.msgpack.decode(found, type=kind)

    def _put_meta(self, txn: lmdb.Transaction, name: str, value: Any) -> None:
        txn.put(name.encode(), msgspec.msgpack.encode(value), db=self._db["meta"])


class Reader:
    """One snapshot of the book."""

    def __init__(self, txn: lmdb.Transaction, db: dict[str, Any]) -> None:
        self._txn = txn
        self._db = db

    def people(self) -> Iterator[PersonId]:
        """Who has been reached by anybody enrolled, or has had company, each once and in order."""
        reached = _distinct(_keys(self._txn, self._db["edges"]))
        return map(
            PersonId, _merged(reached, (key.decode() for key in _keys(self._txn, self._db["snapshots"])))
        )

    def snapshot(self, person: PersonId) -> Company | None:
        """The newest company that the log has of `person`."""
        found = self._txn.get(person.encode(), db=self._db["snapshots"])
        if found is None:
            return None
        told = msgspec.msgpack.decode(found, type=Snapshot)
        return Company(told.mean, told.number, tuple(map(PersonId, told.named)))

    def weights(self, person: PersonId) -> dict[PersonId, int]:
        """Who is connected to `person`, with the strength of the weaker side."""
        found = {}
        for actor, theirs in self._given(person).items():
            if ours := self._given_by(person, actor):
                found[actor] = min(theirs, ours)
        return found

    def score(self, person: PersonId, day: int) -> int | None:
        """The closing score of `day`, millipoints, or TAKEN_BACK; None if it is not known yet."""
        score = self._txn.get(person.encode() + END + _DAY.pack(day), db=self._db["scores"])
        return None if score is None else int(_SCORE.unpack(score)[0])

    def _given(self, person: PersonId) -> dict[PersonId, int]:
        """What each actor gives to `person`."""
        sums: dict[PersonId, list[bool]] = {}
        for key, value in _prefixed(self._txn, self._db["edges"], person.encode() + END):
            actor, follows, reacts = self._edge(key, value)
            if follows or reacts:
                both = sums.setdefault(actor, [False, False])
                both[0], both[1] = both[0] or follows, both[1] or reacts
        return {actor: strength(follows=both[0], reacts=both[1]) for actor, both in sums.items()}

    def _given_by(self, person: PersonId, other: PersonId) -> int:
        """What `person` gives to `other`."""
        follows = reacts = False
        for key, value in _prefixed(
            self._txn, self._db["edges"], END.join((other.encode(), person.encode(), b""))
        ):
            _, follow, react = self._edge(key, value)
            follows, reacts = follows or follow, reacts or react
        return strength(follows=follows, reacts=reacts)

    def _edge(self, key: bytes, value: bytes) -> tuple[PersonId, bool, bool]:
        """Who acted, and whether they follow and react; nothing of who is erased, or has unlinked their account since."""
        _, actor, network, _ = key.split(END, 3)
        follows, reacts, newest = _EDGE.unpack(value)
        left = self._txn.get(actor + END + network, db=self._db["left"])
        gone = self._txn.get(actor, db=self._db["erased"]) is not None
        counts = not gone and (left is None or _NUMBER.unpack(left)[0] < newest)
        return PersonId(actor.decode()), counts and follows > 0, counts and reacts > 0


def _act_key(person: PersonId, event: int) -> bytes:
    return person.encode() + END + _NUMBER.pack(event)


def _prefixed(txn: lmdb.Transaction, table: Any, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    with txn.cursor(table) as cursor:
        if not cursor.set_range(prefix):
            return
        for key, value in cursor:
            if not bytes(key).startswith(prefix):
                return
            yield bytes(key), bytes(value)


def _keys(txn: lmdb.Transaction, table: Any) -> Iterator[bytes]:
    with txn.cursor(table) as cursor:
        for key in cursor.iternext(values=False):
            yield bytes(key)


def _distinct(keys: Iterable[bytes]) -> Iterator[str]:
    last = b""
    for key in keys:
        person = key.split(END, 1)[0]
        if person != last:
            yield person.decode()
            last = person


def _merged(*sorted_people: Iterable[str]) -> Iterator[str]:
    last = None
    for each in heapq.merge(*sorted_people):
        if each != last:
            yield each
            last = each
