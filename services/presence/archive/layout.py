"""What an archive looks like: names, files, manifests, and what must hold of them. Pure.

    <url>/<topic>/day=2026-11-25/partition=3/00000000000000001000-00000000000000002999.parquet
    <url>/<topic>/_manifest/partition=3/00000000000000000017.json

A file holds the offsets from the first to the last number in its name and is never changed. A manifest says which files
count; it is never changed either: the next one has the next number. So an archive moves from one whole state to
the next in one step, on a disk as on S3, and of two who take the same step only one can.

A record belongs to the day, in UTC, at which it was appended to the log, and never to an earlier day than the record
before it. So a day is one stretch of offsets; when it happened (`occurred_ms`) may be years before.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta

from presence.archive.errors import ManifestDamaged, OffsetGap, OffsetOverlap
from presence.log.topics import DAY_MS

FORMAT = 1
DIGITS = 20
FOLDER = "_manifest"
FILE = re.compile(
    r"day=(?P<day>\d{4}-\d\d-\d\d)/partition=(?P<partition>\d+)/"
    r"(?P<first>\d{20})-(?P<last>\d{20})(?:\.(?P<copy>\d+))?\.parquet"
)

Count = Annotated[int, Meta(ge=0)]


class File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a partition: `rows` records with offsets of `first` to `last`, of one day.

    `day` is days since 1970-01-01, `erasures` how many of the rows are ERASED records, `purged` how many rows were taken
    out because their person was erased. `bytes` and `crc32c` are those of the whole file. `copy` tells a rewritten
    file from the one before.
    """

    first: Count
    last: Count
    day: Count
    rows: Count
    bytes: Count
    crc32c: Count
    erasures: Count = 0
    purged: Count = 0
    copy: Count = 0

    def path(self, partition: int) -> str:
        """Where it is, below the topic."""
        suffix = f".{self.copy}" if self.copy else ""
        return (
            f"day={day_name(self.day)}/partition={partition}/"
            f"{self.first:0{DIGITS}d}-{self.last:0{DIGITS}d}{suffix}.parquet"
        )


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The files of one partition in order of offset; `version` counts the steps that led here.

    `clean_of` is a digest of the erased people who are known to be in none of the files.
    """

    partition: Count
    version: Count = 0
    files: tuple[File, ...] = ()
    clean_of: str = ""
    format: int = FORMAT

    @property
    def first(self) -> int | None:
        """The offset that the archive begins with; None while it is empty."""
        return self.files[0].first if self.files else None

    @property
    def next_offset(self) -> int | None:
        """The offset of the next record to archive; None while there is none yet."""
        return self.files[-1].last + 1 if self.files else None

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def day_name(day: int) -> str:
    """`day`, in days since 1970-01-01, as in a file's name.

    >>> day_name(20_782)
    '2026-11-25'
    """
    return datetime.fromtimestamp(day * DAY_MS // 1000, UTC).date().isoformat()


def manifest_path(partition: int, version: int) -> str:
    """Where a manifest is, below the topic."""
    return f"{FOLDER}/partition={partition}/{version:0{DIGITS}d}.json"


def encode(manifest: Manifest) -> bytes:
    """The bytes of a manifest: JSON for people and programs."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode(data: bytes, path: str) -> Manifest:
    """The manifest at `path`, checked. Raises ManifestDamaged, OffsetGap or OffsetOverlap."""
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ManifestDamaged(f"{path} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise ManifestDamaged(f"{path} is of format {manifest.format}, this code reads {FORMAT}")
    if manifest_path(manifest.partition, manifest.version) != path:
        raise ManifestDamaged(
            f"{path} says that it is version {manifest.version} of partition {manifest.partition}"
        )
    check(manifest.partition, manifest.files)
    return manifest


def check(partition: int, files: Sequence[File]) -> None:
    """Raise OffsetGap or OffsetOverlap unless `files` follow each other without either."""
    for before, after in pairwise(files):
        if after.first > before.last + 1:
            raise OffsetGap(partition, before.last + 1, after.first - 1, "no file has them")
        if after.first <= before.last:
            raise OffsetOverlap(partition, after.first, min(before.last, after.last))
    for file in files:
        if file.last < file.first or file.rows + file.purged > file.last - file.first + 1:
            raise ManifestDamaged(
                f"partition {partition}: {file.rows} rows between offsets {file.first} and {file.last}"
            )
