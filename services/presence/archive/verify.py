"""Looks at every byte of an archive, and names all that is wrong, not only the first."""

from collections.abc import Callable, Collection, Iterator
from typing import Any, NamedTuple

import polars as pl
from kafka import TopicPartition

from presence.archive.erasure import without
from presence.archive.errors import ArchiveBroken, FileMissing
from presence.archive.layout import File, Manifest
from presence.archive.rows import rows
from presence.archive.store import Archive
from presence.log.kafka import POLL_MS, consumer
from presence.log.settings import Settings


class Problem(NamedTuple):
    """What is wrong: one word of `archive.errors`, `differs`, and a sentence."""

    what: str
    message: str


class Found(NamedTuple):
    """What a partition's archive is like; `compared` counts the records that Kafka still has too."""

    partition: int
    files: int
    rows: int
    bytes: int
    first: int | None
    next_offset: int | None
    compared: int
    problems: tuple[Problem, ...]
    unnamed: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        problems = [problem._asdict() for problem in self.problems]
        return self._asdict() | {"problems": problems, "unnamed": list(self.unnamed)}


Compare = Callable[[int, File, pl.DataFrame], int]
"""Raises ArchiveBroken if a file's rows are not those of the log; how many records were compared."""


class Differs(ArchiveBroken):
    """A record of the archive is not the one that Kafka has."""

    what = "differs"


def verify(archive: Archive, partition: int, compare: Compare | None, seen: Callable[[File], None]) -> Found:
    """Read everything of a partition; `seen` is told of each file. Raises SourceUnavailable."""
    problems: list[Problem] = []
    try:
        manifest, unnamed = archive.manifest(partition), archive.orphans(partition)
    except ArchiveBroken as error:
        return Found(partition, 0, 0, 0, None, None, 0, (Problem(error.what, str(error)),), ())
    compared = 0
    for file in manifest.files:
        try:
            found = archive.read(partition, file)
            if compare is not None:
                compared += compare(partition, file, found)
        except FileMissing as error:
            if archive.manifest(partition).version != manifest.version:
                return verify(archive, partition, compare, seen)  # It was merged meanwhile: all of it anew.
            problems.append(Problem(error.what, str(error)))
        except ArchiveBroken as error:
            problems.append(Problem(error.what, str(error)))
        seen(file)
    return _found(manifest, compared, problems, unnamed)


def _found(manifest: Manifest, compared: int, problems: list[Problem], unnamed: list[str]) -> Found:
    return Found(
        manifest.partition,
        len(manifest.files),
        manifest.rows,
        manifest.bytes,
        manifest.first,
        manifest.next_offset,
        compared,
        tuple(problems),
        tuple(unnamed),
    )


class AgainstLog:
    """Compares files with what Kafka has of their offsets, but for those `erased`."""

    def __init__(self, settings: Settings, erased: Collection[str]) -> None:
        self._topic, self._erased = settings.topics.activity, erased
        self._consumer = consumer(settings, max_poll_records=50_000)

    def __call__(self, partition: int, file: File, found: pl.DataFrame) -> int:
        at = TopicPartition(self._topic, partition)
        self._consumer.assign([at])
        first = max(file.first, self._consumer.beginning_offsets([at])[at])
        if self._consumer.end_offsets([at])[at] <= file.last:
            raise Differs(f"{file.path(partition)}: Kafka has no offset {file.last} of partition {partition}")
        if first > file.last:
            return 0
        logged = [record for record in self._read(at, first, file.last) if record.offset <= file.last]
        wanted = without(rows(logged), self._erased)
        held = without(found.filter(pl.col("offset") >= first), self._erased)
        if not held.equals(wanted):
            raise Differs(f"{file.path(partition)}: {_difference(held, wanted)}")
        return wanted.height

    def _read(self, at: TopicPartition, first: int, last: int) -> Iterator[Any]:
        self._consumer.seek(at, first)
        while self._consumer.position(at) <= last:
            for records in self._consumer.poll(timeout_ms=POLL_MS).values():
                yield from records

    def close(self) -> None:
        self._consumer.close()


def _difference(held: pl.DataFrame, wanted: pl.DataFrame) -> str:
    ours, theirs = held.get_column("offset"), wanted.get_column("offset")
    if not ours.equals(theirs):
        missing = theirs.filter(~theirs.is_in(ours.implode())).to_list()
        more = ours.filter(~ours.is_in(theirs.implode())).to_list()
        return f"{len(missing)} records are missing and {len(more)} too many, the first at offset {min(missing + more)}"
    changed = [name for name in held.columns if not held.get_column(name).equals(wanted.get_column(name))]
    column = changed[0]
    at = held.get_column(column).ne_missing(wanted.get_column(column)).arg_true()[0]
    return f"offset {ours[at]} differs in {column}"
