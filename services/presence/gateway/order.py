"""The order of people by any figure, as keys of LMDB, and the token of the next page.

A key is kind, column, figure, person, so that people of one kind stand in order of one figure; of equal ones, in order of
their ids. Everybody is the kinds' orders merged.
"""

import base64
import binascii
import heapq
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import lmdb

from presence.gateway.rows import Row

_KEY = struct.Struct(">BBI")
_TOKEN = struct.Struct(">BBBBI28s")
_VERSION = 1


class MalformedPageToken(ValueError):
    """Not a token that any gateway has given out for this list."""


class Order(NamedTuple):
    """What is listed: the kinds, and the column of COLUMNS that people are ordered by."""

    kinds: tuple[int, ...]
    column: int
    descending: bool


class Place(NamedTuple):
    """Where somebody stands in an order."""

    figure: int
    person: bytes


def keys(row: Row, person: bytes) -> list[bytes]:
    """Where `row` stands in each order."""
    return [_KEY.pack(row.kind, column, figure) + person for column, figure in enumerate(row.figures)]


def walk(txn: lmdb.Transaction, table: Any, order: Order, after: Place | None) -> Iterator[Place]:
    """Everybody of the order, beyond `after`."""
    runs = [_run(txn, table, kind, order, after) for kind in order.kinds]
    return runs[0] if len(runs) == 1 else heapq.merge(*runs, reverse=order.descending)


def _run(txn: lmdb.Transaction, table: Any, kind: int, order: Order, after: Place | None) -> Iterator[Place]:
    prefix = bytes((kind, order.column))
    with txn.cursor(table) as cursor:
        found = _seek_down(cursor, prefix, after) if order.descending else _seek_up(cursor, prefix, after)
        while found:
            key = bytes(cursor.key())
            if not key.startswith(prefix):
                return
            yield Place(_KEY.unpack_from(key)[2], key[_KEY.size :])
            found = cursor.prev() if order.descending else cursor.next()


def _seek_up(cursor: lmdb.Cursor, prefix: bytes, after: Place | None) -> bool:
    """To the first key beyond `after`, or of the prefix."""
    if after is None:
        return bool(cursor.set_range(prefix))
    # No id goes on after its 28 characters, so that the next key is somebody else's.
    return bool(cursor.set_range(_KEY.pack(*prefix, after.figure) + after.person + b"\0"))


def _seek_down(cursor: lmdb.Cursor, prefix: bytes, after: Place | None) -> bool:
    """To the last key before `after`, or of the prefix."""
    edge = prefix + b"\xff" * 5 if after is None else _KEY.pack(*prefix, after.figure) + after.person
    return bool(cursor.prev() if cursor.set_range(edge) else cursor.last())


def encode(order: Order, place: Place) -> str:
    """The token of the page that begins beyond `place`."""
    kind = order.kinds[0] if len(order.kinds) == 1 else 0xFF
    packed = _TOKEN.pack(_VERSION, kind, order.column, order.descending, place.figure, place.person)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def decode(token: str, order: Order) -> Place:
    """The place of a token. Raises MalformedPageToken if it is none, or is of another list than `order`."""
    try:
        packed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        version, *_, figure, person = _TOKEN.unpack(packed)
    except (binascii.Error, ValueError, struct.error) as error:
        raise MalformedPageToken("no token of a list") from error
    place = Place(figure, person)
    if version != _VERSION or encode(order, place) != token:
        raise MalformedPageToken("of a list of another kind or order: keep both from page to page")
    return place
