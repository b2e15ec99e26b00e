"""An archive at its place: read and checked, and moved on by one step at a time.

Whoever writes puts files first and then the next manifest, which only one can: another who was faster makes it fail with
Outrun, and nothing has happened. A crash between the two leaves files that nothing names; `sweep` deletes them
once they are too old to be somebody's who is about to name them.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

import google_crc32c
import msgspec
import polars as pl
from obstore.exceptions import AlreadyExistsError, BaseError

from presence.archive import layout
from presence.archive.errors import FileDamaged, FileMissing, ManifestLies, ManifestMissing
from presence.archive.layout import File, Manifest
from presence.archive.rows import ROWS, WHETHER_RAW, as_of_today, raw
from presence.batch import parquet
from presence.events.errors import PresenceError, SourceUnavailable
from presence.events.vocabulary import Kind
from presence.log.objects import open_objects, put_new, reason
from presence.log.settings import Settings

ROW_GROUP_ROWS = 131_072
MANIFESTS_KEPT = 20
ORPHAN_AGE = timedelta(hours=1)
"""A file that no manifest names may belong to somebody who is about to name it; never for so long."""
READ_TRIES = 5
STEP_TRIES = 10
_VERSION = re.compile(r"(\d{20})\.json")

T = TypeVar("T")


class Outrun(PresenceError):
    """Another writer took the step before us: look again, and go on from there."""


class Part(NamedTuple):
    """One file, and the rows asked for."""

    file: File
    rows: pl.DataFrame


class Archive:
    """The archive of one topic below a URL."""

    def __init__(self, url: str, topic: str) -> None:
        """Raises CallerError for a URL that nothing can be kept at."""
        self._objects = open_objects(url, "PRESENCE_ARCHIVE")
        self.url, self._topic = url, topic

    @classmethod
    def of(cls, settings: Settings) -> "Archive":
        """The archive of a deployment's activity log."""
        return cls(settings.archive_url, settings.topics.activity)

    def partitions(self) -> list[int]:
        """Which partitions have a manifest. Raises SourceUnavailable."""
        found = {re.search(r"partition=(\d+)/", path) for path, _ in self._list(layout.FOLDER)}
        return sorted({int(each[1]) for each in found if each})

    def manifest(self, partition: int) -> Manifest:
        """The newest manifest of a partition; an empty one if nothing has been archived.

        Raises ManifestMissing, ManifestDamaged, OffsetGap, OffsetOverlap, SourceUnavailable.
        """
        for _ in range(READ_TRIES):
            versions = self._versions(partition)
            if not versions:
                if any(self._files(partition)) and not self._versions(partition):
                    raise ManifestMissing(f"partition {partition} has files and no manifest")
                return Manifest(partition=partition)
            path = layout.manifest_path(partition, versions[-1])
            try:
                return layout.decode(self._get(path), path)
            except FileNotFoundError:
                continue  # Many steps were taken since it was listed.
        raise SourceUnavailable(f"the manifests of partition {partition} come and go")

    def read(self, partition: int, file: File, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """The rows of a file, all or some columns of ROWS, checked against what the manifest says.

        Raises FileMissing, FileDamaged, ManifestLies, SourceUnavailable.
        """
        path = file.path(partition)
        try:
            data = self._get(path)
        except FileNotFoundError as error:
            raise FileMissing(f"{path} is not there") from error
        if len(data) != file.bytes:
            raise FileDamaged(f"{path} is cut off or grown: it has {len(data)} bytes and had {file.bytes}")
        if google_crc32c.value(data) != file.crc32c:
            raise FileDamaged(f"{path} is damaged: its checksum is not that of what was written")
        try:
            frame = _unpacked(data, columns)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise FileDamaged(f"{path} is no archive file: {error}") from error
        offsets = frame.get_column("offset")
        if frame.height != file.rows:
            raise ManifestLies(f"{path} has {frame.height} rows, its manifest says {file.rows}")
        if frame.height and (offsets[0] < file.first or offsets[-1] > file.last):
            raise ManifestLies(f"{path} has offsets {offsets[0]} to {offsets[-1]}")
        if not (offsets.diff().drop_nulls() > 0).all():
            raise FileDamaged(f"{path}: offsets do not rise")
        return frame if columns is None else frame.select(columns)

    def parts(self, partition: int, first: int = 0, columns: Sequence[str] | None = None) -> Iterator[Part]:
        """The files that hold offsets of `first` on, in order, each with its rows from there; one in memory at a time.

        Files that are merged or purged meanwhile are found again under their new name. Raises as `manifest` and `read` do.
        """
        wanted = None if columns is None else list(dict.fromkeys([*columns, "offset"]))
        manifest = self.manifest(partition)
        while (file := next((each for each in manifest.files if each.last >= first), None)) is not None:
            try:
                rows = self.read(partition, file, wanted)
            except FileMissing:
                newer = self.manifest(partition)
                if newer.version == manifest.version:
                    raise
                manifest = newer
                continue
            yield Part(file, rows if file.first >= first else rows.filter(pl.col("offset") >= first))
            first = file.last + 1

    def beside_others(self, partition: int, action: Callable[[Manifest], T]) -> T:
        """What `action` makes of the newest manifest; again with a newer one if another writer was faster.

        Raises what `action` raises, and SourceUnavailable if others were always faster.
        """
        for _ in range(STEP_TRIES):
            manifest = self.manifest(partition)
            try:
                return action(manifest)
            except Outrun:
                continue
            except FileMissing:
                if self.manifest(partition).version == manifest.version:
                    raise
        raise SourceUnavailable(f"partition {partition}: other writers were faster {STEP_TRIES} times")

    def put(
        self, partition: int, day: int, span: tuple[int, int], rows: pl.DataFrame, *, purged: int = 0
    ) -> File:
        """Keep `rows`, with the columns of ROWS, as the file of the offsets `span`; it counts once a manifest names it.

        A file of that name with the same bytes is as good; beside other bytes it gets another name. Raises
        SourceUnavailable.
        """
        packed = io.BytesIO()
        parquet.write(rows.select(list(ROWS)), packed, ROW_GROUP_ROWS)
        data = packed.getvalue()
        file = File(
            first=span[0],
            last=span[1],
            day=day,
            rows=rows.height,
            bytes=len(data),
            crc32c=google_crc32c.value(data),
            erasures=int((rows.get_column("kind") == Kind.ERASED).sum()),
            purged=purged,
        )
        while True:
            path = file.path(partition)
            try:
                put_new(self._objects, self._full(path), data)
            except AlreadyExistsError:
                if self._same(path, data):
                    return file
                file = msgspec.structs.replace(file, copy=file.copy + 1)
            except (BaseError, OSError) as error:
                raise SourceUnavailable(f"{path} cannot be written: {reason(error)}") from error
            else:
                return file

    def commit(self, manifest: Manifest) -> Manifest:
        """Take the step from `manifest`'s version to the next: what it says is what counts from now on.

        Raises Outrun if another took a step first, SourceUnavailable, and if it is not whole what `layout.check` raises.
        """
        layout.check(manifest.partition, manifest.files)
        step = msgspec.structs.replace(manifest, version=manifest.version + 1)
        path = layout.manifest_path(step.partition, step.version)
        try:
            put_new(self._objects, self._full(path), layout.encode(step))
        except AlreadyExistsError as error:
            raise Outrun(f"another wrote {path} first") from error
        except (BaseError, OSError) as error:
            raise SourceUnavailable(f"{path} cannot be written: {reason(error)}") from error
        versions = self._versions(step.partition)
        if manifest.version and manifest.version not in versions:
            # So old that its number was free again: it is not the newest, and never counts.
            raise Outrun(f"others are far beyond {path}")
        self._delete(layout.manifest_path(step.partition, old) for old in versions[:-MANIFESTS_KEPT])
        return step

    def drop(self, partition: int, files: Iterable[File]) -> None:
        """Delete files that no manifest names any more. Raises SourceUnavailable."""
        self._delete(file.path(partition) for file in files)

    def orphans(self, partition: int) -> list[str]:
        """Files that no manifest names: left by a crash, or about to be named. Raises as `manifest` does."""
        named = {file.path(partition) for file in self.manifest(partition).files}
        return [path for path, _ in self._files(partition) if path not in named]

    def sweep(self, partition: int) -> list[str]:
        """Delete the orphans that are older than ORPHAN_AGE; their paths. Raises as `manifest` does."""
        before = datetime.now(UTC) - ORPHAN_AGE
        old = {path for path, modified in self._files(partition) if modified < before}
        found = [path for path in self.orphans(partition) if path in old]
        self._delete(found)
        return found

    def _versions(self, partition: int) -> list[int]:
        names = [path.rpartition("/")[2] for path, _ in self._list(f"{layout.FOLDER}/partition={partition}")]
        return sorted(int(found[1]) for found in map(_VERSION.fullmatch, names) if found)

    def _files(self, partition: int) -> Iterator[tuple[str, datetime]]:
        for path, modified in self._list(""):
            found = layout.FILE.fullmatch(path)
            if found and int(found["partition"]) == partition:
                yield path, modified

    def _list(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """Path below the topic, and when it was written."""
        try:
            for chunk in self._objects.list(self._full(prefix).rstrip("/")):
                for each in chunk:
                    yield each["path"].removeprefix(f"{self._topic}/"), each["last_modified"]
        except (BaseError, OSError) as error:
            raise SourceUnavailable(f"the archive cannot be listed: {reason(error)}") from error

    def _get(self, path: str) -> bytes:
        """Raises FileNotFoundError, SourceUnavailable."""
        try:
            return bytes(self._objects.get(self._full(path)).bytes())
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            raise SourceUnavailable(f"{path} cannot be read: {reason(error)}") from error

    def _same(self, path: str, data: bytes) -> bool:
        try:
            return self._get(path) == data
        except FileNotFoundError:
            return False

    def _delete(self, paths: Iterable[str]) -> None:
        for path in paths:
            try:
                self._objects.delete(self._full(path))
            except FileNotFoundError:
                continue
            except (BaseError, OSError) as error:
                raise SourceUnavailable(f"{path} cannot be deleted: {reason(error)}") from error

    def _full(self, path: str) -> str:
        return f"{self._topic}/{path}"


def _unpacked(data: bytes, columns: Sequence[str] | None) -> pl.DataFrame:
    """The rows of a file, at least `columns` and `offset`; all columns where one was written by another version."""
    if columns is not None and set(columns) <= pl.read_parquet_schema(io.BytesIO(data)).keys():
        frame = pl.read_parquet(io.BytesIO(data), columns=list({*columns, *WHETHER_RAW}))
        if frame.select(raw().any()).item() is False:
            return frame
    return as_of_today(pl.read_parquet(io.BytesIO(data)))
