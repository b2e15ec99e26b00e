"""Whose score is still to be published: in memory by person, on disk one record per batch.

A batch that is saved writes its people in one record, in the transaction of its state. When everybody of a
record is out, or has changed again since, the record goes with the next transaction. After a crash the records say who is
left, and somebody who was out already comes out once more with the same revision.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import lmdb
import msgspec


class Pending:
    """People to be published, whoever waits longest first."""

    def __init__(self, db: Any, txn: lmdb.Transaction) -> None:
        """Who is left, from the records in `db`."""
        self._db = db
        self._changes: dict[str, int] = {}
        self.newest = 0
        """The number of the last change."""
        self._kept = 1
        """No record is older than this change."""
        with txn.cursor(db=db) as cursor:
            for key, people in cursor:
                self.changed(int.from_bytes(key, "big"), msgspec.msgpack.decode(people, type=list[str]))

    def __len__(self) -> int:
        return len(self._changes)

    def record(self, txn: lmdb.Transaction, people: Sequence[str]) -> int:
        """Write that `people` have changed; returns the number of the change, for `changed` after the commit."""
        self.forget(txn)
        number = self.newest + 1
        txn.put(number.to_bytes(8, "big"), msgspec.msgpack.encode(people), db=self._db, append=True)
        return number

    def changed(self, number: int, people: Iterable[str]) -> None:
        """`people` have changed for the last time by change `number`."""
        self.newest = number
        for person in people:
            self._changes.pop(person, None)
            self._changes[person] = number

    def oldest(self, people_max: int) -> dict[str, int]:
        """Up to `people_max` people, each with the number of their last change."""
        return dict(islice(self._changes.items(), people_max))

    def published(self, changes: Mapping[str, int]) -> None:
        """Who is out as of these changes need not come out again; who has changed since has to."""
        for person, number in changes.items():
            if self._changes.get(person) == number:
                del self._changes[person]

    @property
    def settled(self) -> bool:
        """Whether there are no records but of those who are left."""
        return self._kept >= self._oldest()

    def forget(self, txn: lmdb.Transaction) -> None:
        """Drop the records of which everybody is out."""
        self._kept = self._oldest()
        with txn.cursor(db=self._db) as cursor:
            more = cursor.first()
            while more and int.from_bytes(cursor.key(), "big") < self._kept:
                more = cursor.delete()

    def _oldest(self) -> int:
        return next(iter(self._changes.values()), self.newest + 1)
