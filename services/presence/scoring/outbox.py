"""The letters that a partition has still to send, on disk."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import lmdb
import msgspec

from presence.batch.closing import history_key
from presence.batch.letters import Letter, Topic


class Outbox:
    """Letters in the order in which they were put in; all calls within a transaction of the caller."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def put(self, txn: lmdb.Transaction, letters: Sequence[Letter]) -> None:
        """Keep `letters` until they are sent."""
        if letters:
            with txn.cursor(db=self._db) as cursor:
                last = int.from_bytes(cursor.key(), "big") if cursor.last() else 0
                encoded = (
                    (number.to_bytes(8, "big"), msgspec.msgpack.encode(letter))
                    for number, letter in enumerate(letters, last + 1)
                )
                cursor.putmulti(encoded, append=True)

    def take_back(self, txn: lmdb.Transaction, gone: Mapping[bytes, Iterable[int]]) -> None:
        """Forget what waits of the people of `gone`, and put in a tombstone for each closing that may be out."""
        with txn.cursor(db=self._db) as cursor:
            waiting: Iterable[tuple[bytes, bytes]] = cursor.iternext()  # type: ignore[assignment]  # no buffers
            of_gone = [number for number, letter in waiting if _person(letter) in gone]
        self.sent(txn, of_gone)
        keys = [history_key(person, day) for person, days in gone.items() for day in days]
        self.put(txn, [Letter(Topic.HISTORY, key, b"") for key in keys])

    def oldest(self, txn: lmdb.Transaction, letters_max: int) -> list[tuple[bytes, Letter]]:
        """Up to `letters_max` letters, each with what `sent` wants to know."""
        with txn.cursor(db=self._db) as cursor:
            found: Iterable[tuple[bytes, bytes]] = islice(cursor.iternext(), letters_max)  # type: ignore[arg-type]  # no buffers
            return [(number, msgspec.msgpack.decode(letter, type=Letter)) for number, letter in found]

    def sent(self, txn: lmdb.Transaction, numbers: Iterable[bytes]) -> None:
        """Forget letters that are out."""
        for number in numbers:
            txn.delete(number, db=self._db)


def _person(encoded: bytes) -> bytes | None:
    """Whose closing or reason a letter is; None for another letter."""
    letter = msgspec.msgpack.decode(encoded, type=Letter)
    return letter.key.partition(b"/")[0] if letter.topic != Topic.DLQ else None
