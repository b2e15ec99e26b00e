"""Copies of a partition's store, so that a lost one comes back without the whole log.

A snapshot is one object, `<namespace>/partition-<n>/<offset>.mdb.zst`: the compacted LMDB file as of one commit, with
zstd's checksum. It is written in one piece or not at all. An older one is as right as a newer one: the
log from its offset on leads to the same state, also to the erasures since.
"""

import shutil
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import lmdb
import msgspec
import structlog
import zstandard
from obstore.exceptions import BaseError

from presence.events.errors import InvariantBroken, SourceUnavailable
from presence.log.numbered import make
from presence.log.objects import open_objects, reason
from presence.scoring.store import SCHEMA_VERSION, Meta, Store

log = structlog.get_logger("presence.scoring")

KEPT = 3
LEVEL = 3
CHUNK_BYTES = 2**20
SUFFIX = ".mdb.zst"


class Snapshot(NamedTuple):
    """Where one is, and the offset of the next record that it has not counted."""

    path: str
    offset: int
    size_bytes: int


class Snapshots:
    """The snapshots of one deployment below a URL: `file:///folder`, or what `obstore` takes, such as `s3://bucket`."""

    def __init__(self, url: str, namespace: str) -> None:
        """Raises CallerError for a URL that nothing can be kept at."""
        self._objects = open_objects(url, "PRESENCE_SNAPSHOTS")
        self._namespace = namespace

    def of(self, partition: int) -> list[Snapshot]:
        """All of a partition, the newest first. Raises SourceUnavailable if they cannot be listed."""
        prefix = f"{self._namespace}/partition-{partition}"
        try:
            listed = [each for chunk in self._objects.list(prefix) for each in chunk]
        except (BaseError, OSError) as error:
            raise SourceUnavailable(f"the snapshots cannot be listed: {reason(error)}") from error
        found = []
        for each in listed:
            name = each["path"].rpartition("/")[2]
            if name.endswith(SUFFIX) and name.removesuffix(SUFFIX).isdigit():
                found.append(Snapshot(each["path"], int(name.removesuffix(SUFFIX)), each["size"]))
        return sorted(found, key=lambda snapshot: snapshot.offset, reverse=True)

    def take(
        self, partition: int, work: Path, copied: Callable[[Path], None], *, anew: bool = False
    ) -> Snapshot | None:
        """Keep a copy of a store, which `copied` puts into the folder `work`; None if its offset is kept already.

        With `anew` the copy takes that one's place: it may still have had to publish what this one has published.
        Older ones than KEPT go, and so does `work`. Raises SourceUnavailable if it cannot be written.
        """
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            copied(work)
            meta = read_meta(work)
            known = self.of(partition)
            others = [snapshot for snapshot in known if snapshot.offset != meta.offset]
            if len(others) < len(known) and not anew:
                return None
            packed = work / "packed"
            with (work / "data.mdb").open("rb") as source, packed.open("wb") as target:
                compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
                compressor.copy_stream(source, target, read_size=CHUNK_BYTES)
            path = f"{self._namespace}/partition-{partition}/{meta.offset:020d}{SUFFIX}"
            self._objects.put(path, packed)
            taken = Snapshot(path, meta.offset, packed.stat().st_size)
            for old in [taken, *others][KEPT:]:
                self._objects.delete(old.path)
        except (BaseError, OSError) as error:
            raise SourceUnavailable(f"the snapshot cannot be written: {reason(error)}") from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return taken

    def purge(self, partition: int, until: int) -> list[str]:
        """Delete what was copied at the offset `until` or before; their paths.

        Raises SourceUnavailable if they cannot be listed or deleted.
        """
        return self._delete(each for each in self.of(partition) if each.offset <= until)

    def restore(self, partition: int, folder: Path) -> Snapshot | None:
        """Make the store in `folder`, which is not there yet, from the newest snapshot that is whole.

        None if there is none.
        """
        for snapshot in self.of(partition):
            try:
                make(folder, partial(self._unpack_checked, snapshot))
            except (BaseError, OSError, zstandard.ZstdError, InvariantBroken) as error:
                log.warning(
                    "snapshot passed over",
                    path=snapshot.path,
                    error=f"{type(error).__name__}: {reason(error)}",
                )
                continue
            log.info("restored", partition=partition, offset=snapshot.offset)
            return snapshot
        return None

    def drop(self, partition: int) -> list[str]:
        """Delete all snapshots of a partition; their paths. Raises SourceUnavailable if they cannot be."""
        return self._delete(self.of(partition))

    def _delete(self, snapshots: Iterable[Snapshot]) -> list[str]:
        paths = [snapshot.path for snapshot in snapshots]
        try:
            for path in paths:
                self._objects.delete(path)
        except (BaseError, OSError) as error:
            raise SourceUnavailable(f"a snapshot cannot be deleted: {reason(error)}") from error
        return paths

    def _unpack_checked(self, snapshot: Snapshot, folder: Path) -> None:
        self.unpack(snapshot, folder / "data.mdb")
        _check(snapshot, folder)

    def unpack(self, snapshot: Snapshot, target: Path) -> None:
        """Write the LMDB file of a snapshot to `target`. Raises InvariantBroken, or as its storage does, if it is damaged."""
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        with target.open("wb") as file:
            for chunk in self._objects.get(snapshot.path).stream(min_chunk_size=CHUNK_BYTES):
                file.write(decompressor.decompress(bytes(chunk)))
        if not decompressor.eof:
            raise InvariantBroken("it is cut off")


def copy(folder: Path, target: Path) -> None:
    """Copy the store of another process as of its last commit, compacted, while its owner goes on.

    Raises InvariantBroken if it cannot be read.
    """
    try:
        with lmdb.open(str(folder), readonly=True, create=False) as env:
            env.copy(str(target), compact=True)
    except lmdb.Error as error:
        raise InvariantBroken(f"{folder} cannot be copied ({error})") from error


def read_meta(folder: Path) -> Meta:
    """What a store that nobody has open says of itself. Raises InvariantBroken if it cannot be read."""
    try:
        with lmdb.open(str(folder), readonly=True, lock=False, max_dbs=1) as env:
            meta = env.open_db(b"meta", create=False)
            with env.begin() as txn:
                return msgspec.json.decode(txn.get(b"meta", db=meta) or b"", type=Meta)
    except (lmdb.Error, msgspec.MsgspecError) as error:
        raise InvariantBroken(f"{folder} cannot be read ({error})") from error


def _check(snapshot: Snapshot, folder: Path) -> None:
    meta = read_meta(folder)
    if meta.offset != snapshot.offset or meta.schema != SCHEMA_VERSION:
        raise InvariantBroken(f"it holds offset {meta.offset} in schema {meta.schema}")
    Store(folder).close()
