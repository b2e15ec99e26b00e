"""CAR v1 files: content-addressed blocks in any order, found again by their hash.

The format: https://ipld.io/specs/transport/car/carv1/. One pass notes on disk where each block stands, so memory is bounded
whatever the size of the file.
"""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, NamedTuple, TypeVar

import libipld
import msgspec

from presence.events.errors import InvalidEvent

HEADER_BYTES_MAX = 65_536
CID_PREFIX = b"\x01\x71\x12\x20"
"""Version 1, DAG-CBOR, SHA-256 of 32 bytes: the only form in a repository of atproto."""
CID_BYTES = len(CID_PREFIX) + 32
INDEXED_AT_ONCE = 20_000
INDEX_CACHE_KIB = 16_384

Cid = bytes
T = TypeVar("T")


class Block(NamedTuple):
    """Where the bytes of a block stand in its file."""

    cid: Cid
    offset: int
    size_bytes: int


class _Header(msgspec.Struct, frozen=True):
    version: int
    roots: list[bytes]


def decoded(data: bytes, shape: type[T], reason: str) -> T:
    """The DAG-CBOR `data` as `shape`. Raises InvalidEvent with `reason` if it is not that."""
    try:
        return msgspec.convert(libipld.decode_dag_cbor(data), shape)
    except (ValueError, RecursionError) as error:  # msgspec's ValidationError is a ValueError.
        raise InvalidEvent(reason) from error


def root(file: BinaryIO) -> Cid:
    """The first root of the CAR; `file` then stands before its first block. Raises InvalidEvent `car` if it is none."""
    size = _varint(file)
    if size is None or size > HEADER_BYTES_MAX:
        raise InvalidEvent("car", "it does not begin as a CAR file")
    header = decoded(file.read(size), _Header, "car")
    if header.version != 1 or not header.roots:
        raise InvalidEvent("car", "it is no CAR of version 1 with a root")
    return header.roots[0]


def blocks(file: BinaryIO) -> Iterator[Block]:
    """The blocks after the header whose id has the usual form; `file` may be moved in between. Ends where the file is torn."""
    end = os.fstat(file.fileno()).st_size
    while size := _varint(file):  # An empty section is padding at the end.
        at = file.tell()
        if at + size > end:
            return
        cid = file.read(min(size, CID_BYTES))
        if len(cid) == CID_BYTES and cid.startswith(CID_PREFIX):
            yield Block(cid, at + CID_BYTES, size - CID_BYTES)
        file.seek(at + size)


class Blocks:
    """The blocks of one file by their id. The index takes some 30 bytes of temporary disk for each."""

    def __init__(self, file: BinaryIO) -> None:
        """`file` stands before the first block."""
        self._file = file
        self._folder = TemporaryDirectory()
        self._index = sqlite3.connect(Path(self._folder.name) / "index")
        self._index.executescript(
            f"pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -{INDEX_CACHE_KIB};"
            "create table block (id integer primary key, offset integer, size integer)"
        )

    def fill(self) -> Iterator[int]:
        """Note every block; now and then the position in the file."""
        rows = []
        for each in blocks(self._file):
            rows.append((_key(each.cid), each.offset, each.size_bytes))
            if len(rows) == INDEXED_AT_ONCE:
                self._note(rows)
                rows = []
                yield each.offset
        self._note(rows)

    def get(self, cid: Cid, bytes_max: int) -> tuple[bytes, int]:
        """The bytes of a block, no more than `bytes_max`, and how many it has.

        Raises InvalidEvent: `missing_block`; `damaged_block` if they are not those that its id is the hash of.
        """
        if len(cid) != CID_BYTES or not cid.startswith(CID_PREFIX):
            raise InvalidEvent("missing_block", "an id of another form")
        found = self._index.execute("select offset, size from block where id = ?", (_key(cid),)).fetchone()
        if found is None:
            raise InvalidEvent("missing_block")
        offset, size_bytes = found
        self._file.seek(offset)
        data = self._file.read(min(size_bytes, bytes_max))
        if size_bytes <= bytes_max and hashlib.sha256(data).digest() != cid[len(CID_PREFIX) :]:
            raise InvalidEvent("damaged_block")
        return data, size_bytes

    def close(self) -> None:
        self._index.close()
        self._folder.cleanup()

    def _note(self, rows: list[tuple[int, int, int]]) -> None:
        self._index.executemany("insert or ignore into block values (?, ?, ?)", rows)


def _key(cid: Cid) -> int:
    """Eight bytes of the hash; who makes two blocks collide loses one of their own, since what is read is checked."""
    return int.from_bytes(cid[len(CID_PREFIX) :][:8], "big", signed=True)


def _varint(file: BinaryIO) -> int | None:
    """An unsigned LEB128 number of at most 9 bytes; None at the end of the file, or if it is longer."""
    value = 0
    for shift in range(0, 63, 7):
        byte = file.read(1)
        if not byte:
            return None
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    return None
