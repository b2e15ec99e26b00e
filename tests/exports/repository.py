"""Writes CAR files of repositories, as https://atproto.com/specs/repository says, to try the reader on."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import libipld
import msgspec

from presence.ingest.networks import bluesky

CID_PREFIX = b"\x01\x71\x12\x20"


def cid_of(data: bytes) -> bytes:
    return CID_PREFIX + hashlib.sha256(data).digest()


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Writer:
    """Collects blocks; `car` joins them, in whatever order the caller likes."""

    def __init__(self) -> None:
        self.blocks: dict[bytes, bytes] = {}

    def add(self, value: Any) -> bytes:
        return self.add_bytes(libipld.encode_dag_cbor(value))

    def add_bytes(self, data: bytes) -> bytes:
        cid = cid_of(data)
        self.blocks[cid] = data
        return cid

    def tree(self, keys: Mapping[bytes, bytes]) -> bytes:
        """The Merkle search tree of `keys`: each stands on the level that its hash's leading zero bit pairs say."""
        return self._node(sorted(keys.items()), max(map(level, keys), default=0))

    def repository(self, did: str, records: Mapping[str, Any], rev: str = "3mmoojp7vgo2g") -> bytes:
        """The commit of a repository with `records` by collection and key."""
        keys = {key.encode(): self.add(record) for key, record in records.items()}
        return self.commit(did, self.tree(keys), rev)

    def commit(self, did: str, data: bytes, rev: str = "3mmoojp7vgo2g") -> bytes:
        return self.add({"did": did, "version": 3, "rev": rev, "prev": None, "data": data, "sig": b"s" * 64})

    def car(self, root: bytes, order: list[bytes] | None = None) -> bytes:
        header = libipld.encode_dag_cbor({"version": 1, "roots": [root]})
        parts = [varint(len(header)), header]
        for cid in order or [root, *(each for each in self.blocks if each != root)]:
            parts += [varint(len(cid) + len(self.blocks[cid])), cid, self.blocks[cid]]
        return b"".join(parts)

    def _node(self, keys: list[tuple[bytes, bytes]], at: int) -> bytes:
        below: list[tuple[bytes, bytes]] = []
        node: dict[str, Any] = {"l": None, "e": []}
        last = b""
        for key, value in keys:
            if level(key) < at:
                below.append((key, value))
                continue
            self._hang(node, below, at)
            below = []
            shared = next(
                (n for n in range(min(len(last), len(key))) if last[n] != key[n]), min(len(last), len(key))
            )
            node["e"].append({"p": shared, "k": key[shared:], "v": value, "t": None})
            last = key
        self._hang(node, below, at)
        return self.add(node)

    def _hang(self, node: dict[str, Any], below: list[tuple[bytes, bytes]], at: int) -> None:
        if not below:
            return
        subtree = self._node(below, at - 1)
        if node["e"]:
            node["e"][-1]["t"] = subtree
        else:
            node["l"] = subtree


def created_by(did: str, path: Path) -> list[bytes]:
    """The frames of Jetstream in a file that create or change a record of Bluesky's, as if all were of one account."""
    frames = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    wanted = [each for each in frames if each.get("commit", {}).get("collection") in bluesky.WANTED]
    return [msgspec.json.encode(each | {"did": did}) for each in wanted if "record" in each["commit"]]


def of_frames(did: str, frames: Sequence[bytes]) -> bytes:
    """The CAR file of a repository with the records of these frames; each has the very id that its frame tells."""
    writer = Writer()
    commits = [msgspec.json.decode(frame)["commit"] for frame in frames]
    records = {f"{each['collection']}/{each['rkey']}": _linked(each["record"]) for each in commits}
    car = writer.car(writer.repository(did, records))
    assert {libipld.encode_cid(cid) for cid in writer.blocks} >= {each["cid"] for each in commits}
    return car


def _linked(value: Any) -> Any:
    """JSON's form of a record as a repository has it: links are ids, not text."""
    if isinstance(value, dict):
        if set(value) == {"$link"}:
            return libipld.decode_multibase(value["$link"])[1]
        return {name: _linked(each) for name, each in value.items()}
    return [_linked(each) for each in value] if isinstance(value, list) else value


def level(key: bytes) -> int:
    """How many pairs of leading zero bits the key's SHA-256 has."""
    digest = int.from_bytes(hashlib.sha256(key).digest(), "big")
    return (256 - digest.bit_length()) // 2
