"""A repository as the frames that Jetstream would have sent of its records.

The tree of keys: https://atproto.com/specs/repository. What was deleted is not in it, and nothing tells when it was.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO

import libipld
import msgspec

from presence.events.errors import CallerError, InvalidEvent
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.frames import FRAME_BYTES_MAX, HEAD_BYTES
from presence.ingest.networks import car
from presence.ingest.networks.bluesky_records import Did, Tid, tid_millis
from presence.ingest.networks.car import Blocks, Cid

NODE_BYTES_MAX = 2**18
"""A node has 4 keys on average; one for each level is held in memory at a time."""
DEPTH_MAX = 32
"""Each level has 4 times as many keys as the one above: 14 of them hold a hundred million records."""
KEY_BYTES_MAX = 1024
"""A collection and a record's key; see https://atproto.com/specs/repository."""
BLOCK_HEAD_BYTES = car.CID_BYTES + 2
"""What a block takes in the file beside its bytes."""
RECORD, NODE = "record", "node"


class Commit(msgspec.Struct, frozen=True):
    did: Did
    rev: Tid
    data: Cid


class Entry(msgspec.Struct, frozen=True):
    """Its key is the first `p` bytes of the key before, then `k`; `t` is the tree of the keys up to the next."""

    p: int
    k: bytes
    v: Cid
    t: Cid | None = None


class Node(msgspec.Struct, frozen=True):
    """`l` is the tree of the keys before the first."""

    e: list[Entry]
    l: Cid | None = None  # noqa: E741 (the format's name)


def owner(export: Export) -> str:
    """The DID of the repository. Raises CallerError if the export is not one CAR file of one."""
    found = _parts(export)
    if len(found) != 1:
        raise CallerError(f"{export.path} has {len(found)} files where one CAR file is expected")
    try:
        with export.local(found[0]).open("rb") as file:
            return _commit(file).did
    except InvalidEvent as error:
        raise CallerError(f"{export.path} is no CAR file of a repository ({error})") from error


def items(export: Export) -> Iterator[Item]:
    """Each record of the tree as a frame that creates it, in the order of the tree: by collection, then by key."""
    for part in export.select(*(each.name for each in _parts(export))):
        with export.local(part).open("rb") as file:
            commit = _commit(file)
            file.seek(0)
            car.root(file)
            with closing(Blocks(file)) as blocks:
                # It is gone over twice: to note where each block stands, then by the tree.
                export.bytes_total += part.size_bytes
                for position in blocks.fill():
                    export.bytes_read = position
                export.bytes_read = part.size_bytes
                yield from _Tree(export, blocks, commit).items()


class _Tree:
    def __init__(self, export: Export, blocks: Blocks, commit: Commit) -> None:
        self._export = export
        self._blocks = blocks
        self._commit = commit
        self._time_us = max(1, tid_millis(commit.rev) * 1000)
        self._key = b""

    def items(self) -> Iterator[Item]:
        self._key = b""
        yield from self._below(self._commit.data, 0)

    def _below(self, cid: Cid, depth: int) -> Iterator[Item]:
        """The records under a node; a node that cannot be read is one item that says so."""
        try:
            node = self._node(cid, depth)
        except InvalidEvent as error:
            yield Item(cid, NODE, error.reason)
            return
        if node.l is not None:
            yield from self._below(node.l, depth + 1)
        key = b""
        for entry in node.e:
            key = (key[: max(0, entry.p)] + entry.k)[:KEY_BYTES_MAX]
            yield self._record(key, entry.v)
            if entry.t is not None:
                yield from self._below(entry.t, depth + 1)

    def _node(self, cid: Cid, depth: int) -> Node:
        if depth > DEPTH_MAX:
            raise InvalidEvent("depth")
        data, size_bytes = self._blocks.get(cid, NODE_BYTES_MAX)
        self._export.bytes_read += size_bytes + BLOCK_HEAD_BYTES
        if size_bytes > NODE_BYTES_MAX:
            raise InvalidEvent("too_long")
        return car.decoded(data, Node, "node")

    def _record(self, key: bytes, cid: Cid) -> Item:
        try:
            data, size_bytes = self._blocks.get(cid, FRAME_BYTES_MAX)
        except InvalidEvent as error:
            return Item(key, RECORD, error.reason)
        self._export.bytes_read += size_bytes + BLOCK_HEAD_BYTES
        if size_bytes > FRAME_BYTES_MAX:
            return Item(data[:HEAD_BYTES], RECORD, size_bytes=size_bytes)
        try:
            return Item(self._frame(key, cid, data), RECORD)
        except (ValueError, RecursionError):
            return Item(data, RECORD, "cbor")

    def _frame(self, key: bytes, cid: Cid, data: bytes) -> bytes:
        collection, _, rkey = key.decode().partition("/")
        commit = {
            "rev": self._commit.rev,
            "operation": "create",
            "collection": collection,
            "rkey": rkey,
            "record": libipld.decode_dag_cbor(data),
            "cid": libipld.encode_cid(cid),
        }
        frame = {"did": self._commit.did, "time_us": self._time_us, "kind": "commit", "commit": commit}
        return msgspec.json.encode(frame)


def _parts(export: Export) -> list[Part]:
    return export.find("*.car") or export.find("*")


def _commit(file: BinaryIO) -> Commit:
    """The commit at the root of a CAR. Raises InvalidEvent if there is none."""
    wanted = car.root(file)
    for block in car.blocks(file):
        if block.cid == wanted and block.size_bytes <= NODE_BYTES_MAX:
            file.seek(block.offset)
            return car.decoded(file.read(block.size_bytes), Commit, "commit")
    raise InvalidEvent("commit", "its root is not in it")
