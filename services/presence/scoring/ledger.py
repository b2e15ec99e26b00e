"""Where ledger rows live: with their person while they are few, else spread over buckets by their id.

A bucket holds so few rows that reading and writing it costs about what a single row would, and a batch
touches as many buckets as it has events, whoever's they are: a person with a million rows costs no more
per event than one with a hundred.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import lmdb
import numpy as np
import numpy.typing as npt

from presence.batch.tables import LEDGER, Packed, Rows
from presence.events.errors import InvariantBroken

Index = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

ROWS_MAX = 32
"""Of a person who has no buckets, and on average of a bucket, before rows are spread anew."""
ROWS_AIM = 16
"""On average of a bucket after that."""

_BUCKET_BYTES = 4


@dataclass(frozen=True, slots=True)
class Entries:
    """Ledger rows of a batch's people, and whose they are (position among the people).

    keys: the buckets that were read, with their owners; complete: of whom all rows are here.
    """

    rows: Rows
    owner: Index
    keys: dict[bytes, int]
    in_buckets: npt.NDArray[np.int64]
    """By person how many of the rows came from buckets."""
    complete: Mask


class Ledger:
    """The buckets of one store; all calls within a transaction of the caller."""

    def __init__(self, db: Any) -> None:
        self._db = db

    def read(
        self,
        txn: lmdb.Transaction,
        people: Sequence[bytes],
        packed: Packed,
        ids: tuple[Index, Any],
        whole: Mask,
    ) -> Entries:
        """All rows that may be of `ids` (whose, which id), and every row of the people in `whole`."""
        bits = packed.header["bucket_bits"].astype(np.uint64)
        owner, number = ids
        wanted = (bits[owner] > 0) & ~whole[owner]
        owner, number = owner[wanted], number[wanted]
        bucket = number & ((np.uint64(1) << bits[owner]) - np.uint64(1))
        pairs = np.unique(owner.astype(np.uint64) << np.uint64(32) | bucket)
        keys = {_key(people[pair >> 32], pair & 0xFFFF_FFFF): pair >> 32 for pair in pairs.tolist()}
        with txn.cursor(db=self._db) as cursor:
            found: list[tuple[bytes, bytes]] = cursor.getmulti(list(keys))  # type: ignore[assignment]  # no buffers
        for person in np.flatnonzero(whole & (bits > 0)).tolist():
            scanned = self._scan(txn, people[person])
            keys |= dict.fromkeys((key for key, _ in scanned), person)
            found += scanned
        rows, owners = _rows(found, keys)
        return Entries(
            np.concatenate([packed.rows["ledger"], rows]),
            np.concatenate([packed.owners("ledger"), owners]),
            keys,
            np.bincount(owners, minlength=len(people)),
            (bits == 0) | whole,
        )

    def write(
        self,
        txn: lmdb.Transaction,
        people: Sequence[bytes],
        read: Entries,
        rows: Rows,
        owner: Index,
        *,
        header: Rows,
    ) -> Rows:
        """Make `rows` what is there of those that were read; returns the rows that go with their people.

        Sets the ledger's fields of `header`; grows or drops buckets as the number of rows asks for it.
        """
        here = np.bincount(owner, minlength=len(people))
        before = np.where(read.complete, 0, header["ledger_rows"] - read.in_buckets)
        total, bits = before + here, header["bucket_bits"].astype(np.int64)
        again = read.complete | (total > ROWS_MAX << bits)
        dropped = [key for key, person in read.keys.items() if again[person]]
        for person in np.flatnonzero(again & ~read.complete).tolist():
            missing = [(key, value) for key, value in self._scan(txn, people[person]) if key not in read.keys]
            more, of = _rows(missing, {key: person for key, _ in missing})
            rows, owner = np.concatenate([rows, more]), np.concatenate([owner, of])
            dropped += [key for key, _ in missing]
        buckets = np.ceil(np.log2(np.maximum(total, 1) / ROWS_AIM)).astype(np.int64)
        bits = np.where(again, np.where(total <= ROWS_MAX, 0, buckets), bits)
        for key in dropped:
            txn.delete(key, db=self._db)
        self._put(txn, people, rows, owner, bits)
        inline = np.flatnonzero(bits[owner] == 0)
        inline = inline[np.argsort(owner[inline], kind="stable")]
        header["ledger_rows"], header["bucket_bits"] = total, bits
        header["ledger"] = np.bincount(owner[inline], minlength=len(people))
        return rows[inline]

    def _put(
        self,
        txn: lmdb.Transaction,
        people: Sequence[bytes],
        rows: Rows,
        owner: Index,
        bits: npt.NDArray[np.int64],
    ) -> None:
        spread = np.flatnonzero(bits[owner] > 0)
        if not len(spread):
            return
        rows, owner = rows[spread], owner[spread]
        mask = (np.uint64(1) << bits[owner].astype(np.uint64)) - np.uint64(1)
        pair = owner.astype(np.uint64) << np.uint64(32) | rows["id"] & mask
        order = np.argsort(pair, kind="stable")
        rows, pair = rows[order], pair[order]
        starts = np.flatnonzero(np.concatenate([[True], pair[1:] != pair[:-1]]))
        data, bounds = rows.tobytes(), (starts * LEDGER.itemsize).tolist()
        values = [data[at:end] for at, end in zip(bounds, [*bounds[1:], len(data)], strict=True)]
        keys = [_key(people[each >> 32], each & 0xFFFF_FFFF) for each in pair[starts].tolist()]
        with txn.cursor(db=self._db) as cursor:
            cursor.putmulti(zip(keys, values, strict=True))

    def _scan(self, txn: lmdb.Transaction, person: bytes) -> list[tuple[bytes, bytes]]:
        """All buckets of a person. Another's key that begins alike is longer, or of another length before it."""
        prefix = person + b"/"
        with txn.cursor(db=self._db) as cursor:
            if not cursor.set_range(prefix):
                return []
            rows: Iterator[tuple[bytes, bytes]] = cursor.iternext()  # type: ignore[assignment]  # no buffers
            of_prefix = takewhile(lambda row: row[0].startswith(prefix), rows)
            return [row for row in of_prefix if len(row[0]) == len(prefix) + _BUCKET_BYTES]


def _key(person: bytes, bucket: int) -> bytes:
    return person + b"/" + bucket.to_bytes(_BUCKET_BYTES, "big")


def _rows(found: Sequence[tuple[bytes, bytes]], owners: dict[bytes, int]) -> tuple[Rows, Index]:
    """All rows of some buckets, and the owner of each. Raises InvariantBroken for a part of a row."""
    sizes = np.fromiter((len(value) for _, value in found), dtype=np.int64, count=len(found))
    if np.any(sizes % LEDGER.itemsize):
        raise InvariantBroken("a bucket of the ledger is not a whole number of rows")
    owner = np.fromiter((owners[key] for key, _ in found), dtype=np.intp, count=len(found))
    rows = np.frombuffer(b"".join(value for _, value in found), dtype=LEDGER)
    return rows, np.repeat(owner, sizes // LEDGER.itemsize)
