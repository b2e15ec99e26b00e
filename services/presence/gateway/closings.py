"""Daily closings: one record of the topic of history as a row, and the days of a person in the read model.

The topic's key is the person, `/` and the day, such as `p_.../2026-11-23`; its value the Score as the day closed.
"""

import struct
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple

import lmdb

from presence.events.errors import InvariantBroken
from presence.events.vocabulary import PersonId

DAYS_MAX = 400
"""How long a day is kept, counted from the person's newest."""
_DAY = struct.Struct(">I")
_EPOCH = date(1970, 1, 1)


class Closing(NamedTuple):
    """The serialised Score of a day, counted from 1970-01-01; empty: the day is taken back."""

    person: PersonId
    day: int
    score: bytes


class NoDay(ValueError):
    """Not a day such as 2026-11-23, or one before 1970."""


def day_number(day: str) -> int:
    """Days since 1970-01-01 of `2026-11-23`. Raises NoDay for anything else."""
    try:
        number = (date.fromisoformat(day) - _EPOCH).days
    except ValueError as error:
        raise NoDay(day) from error
    if number < 0 or day_text(number) != day:  # Python also reads 20261123.
        raise NoDay(day)
    return number


def day_text(number: int) -> str:
    """The day of that number, as in `2026-11-23`.

    >>> day_text(day_number("2026-11-23"))
    '2026-11-23'
    """
    return (_EPOCH + timedelta(days=number)).isoformat()


def closing_of(key: bytes | None, value: bytes | None, where: str) -> Closing:
    """What a record says. Raises InvariantBroken for a key that scoring does not write."""
    person, _, day = (key or b"").decode(errors="replace").partition("/")
    try:
        return Closing(PersonId(person), day_number(day), value or b"")
    except NoDay as error:
        raise InvariantBroken(f"a closing of no day: {where}") from error


def store(txn: lmdb.Transaction, table: Any, closings: Iterable[Closing]) -> None:
    """Keep these days, and of each person no day more than DAYS_MAX before the newest of these."""
    newest: dict[bytes, int] = {}
    for closing in closings:
        person = closing.person.encode()
        key = person + _DAY.pack(closing.day)
        if closing.score:
            txn.put(key, closing.score, db=table)
            newest[person] = max(newest.get(person, 0), closing.day)
        else:
            txn.delete(key, db=table)
    for person, day in newest.items():
        _drop(txn, table, person, until=day - DAYS_MAX)


def forget(txn: lmdb.Transaction, table: Any, person: bytes) -> None:
    """Drop every day of somebody who is erased."""
    _drop(txn, table, person, until=None)


def read(
    txn: lmdb.Transaction, table: Any, person: bytes, first: int, last: int
) -> Iterator[tuple[int, bytes]]:
    """Day and serialised Score of each day from `first` to `last`, in order."""
    with txn.cursor(table) as cursor:
        found = cursor.set_range(person + _DAY.pack(first))
        while found:
            key = bytes(cursor.key())
            day = _DAY.unpack_from(key, len(person))[0] if key.startswith(person) else last + 1
            if day > last:
                return
            yield day, bytes(cursor.value())
            found = cursor.next()


def last_until(txn: lmdb.Transaction, table: Any, person: bytes, day: int) -> tuple[int, bytes] | None:
    """Day and serialised Score of the last day that is not after `day`."""
    with txn.cursor(table) as cursor:
        found = cursor.prev() if cursor.set_range(person + _DAY.pack(day + 1)) else cursor.last()
        if not found or not (key := bytes(cursor.key())).startswith(person):
            return None
        return _DAY.unpack_from(key, len(person))[0], bytes(cursor.value())


def newest_first(txn: lmdb.Transaction, table: Any, person: bytes) -> Iterator[bytes]:
    """The serialised Score of every day, back from the last."""
    with txn.cursor(table) as cursor:
        found = cursor.prev() if cursor.set_range(person + b"\xff" * _DAY.size) else cursor.last()
        while found and bytes(cursor.key()).startswith(person):
            yield bytes(cursor.value())
            found = cursor.prev()


def _drop(txn: lmdb.Transaction, table: Any, person: bytes, *, until: int | None) -> None:
    with txn.cursor(table) as cursor:
        found = cursor.set_range(person)
        while found and (key := bytes(cursor.key())).startswith(person):
            if until is not None and _DAY.unpack_from(key, len(person))[0] > until:
                return
            found = cursor.delete()
