"""Pieces of the log itself: of its archive, and of Kafka."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import polars as pl
from kafka import TopicPartition

from presence.archive.errors import OffsetGap
from presence.archive.store import Archive
from presence.batch import decode
from presence.events.errors import CallerError
from presence.events.vocabulary import Kind
from presence.log.kafka import POLL_MS, consumer, partitions_of
from presence.log.settings import Settings
from presence.log.topics import DAY_MS
from presence.replay.columns import PLACE, ROWS, SCORED
from presence.replay.pieces import PIECE_ROWS, up_to
from presence.replay.segments import Read

KAFKA_RECORDS = 200_000
"""Of one piece: they are held as bytes before they are columns."""


class Archived(msgspec.Struct, frozen=True, tag=True):
    """Offsets `first` to `last` of a partition in the archive: `records` of them."""

    partition: int
    first: int
    last: int
    records: int

    def read(self, settings: Settings, until_ms: int | None) -> Read:
        """Raises ArchiveBroken and SourceUnavailable, as the archive does."""
        columns = ["offset", "append_ms", *SCORED]
        parts = []
        for part in Archive.of(settings).parts(self.partition, self.first, columns):
            parts.append(part.rows.filter(pl.col("offset") <= self.last))
            if part.file.last >= self.last:
                break
        rows = pl.concat(parts).with_columns(pl.lit(self.partition, PLACE["partition"]).alias("partition"))
        events = rows.filter(pl.col("kind") != Kind.UNSPECIFIED)
        return up_to(events, until_ms, rows.height - events.height)


class Fetched(msgspec.Struct, frozen=True, tag=True):
    """Offsets of a partition in Kafka, `first` to before `end`; some may hold no record."""

    partition: int
    first: int
    end: int

    @property
    def records(self) -> int:
        return self.end - self.first

    def read(self, settings: Settings, until_ms: int | None) -> Read:
        """Raises SourceUnavailable."""
        records = _fetched(settings, self.partition, self.first, self.end)
        events, refused = decode.read([each.key for each in records], [each.value for each in records])
        row = events.get_column("row")
        place: dict[str, Any] = {
            "partition": pl.lit(self.partition, PLACE["partition"]),
            "offset": pl.Series([each.offset for each in records], dtype=pl.Int64).gather(row),
            "append_ms": pl.Series([each.timestamp for each in records], dtype=pl.Int64).gather(row),
        }
        known = events.with_columns(pl.col(pl.UInt8).fill_null(0)).with_columns(**place)
        return up_to(known.select(*ROWS, "append_ms"), until_ms, len(refused))


def _fetched(settings: Settings, partition: int, first: int, end: int) -> Sequence[Any]:
    place = TopicPartition(settings.topics.activity, partition)
    reader = consumer(settings)
    records: list[Any] = []
    try:
        reader.assign([place])
        reader.seek(place, first)
        while reader.position(place) < end:
            for fetched in reader.poll(timeout_ms=POLL_MS).values():
                records += (record for record in fetched if record.offset < end)
    finally:
        reader.close()
    return records


def of_archive(settings: Settings, until_ms: int | None, *, tail: bool) -> Iterator[Archived | Fetched]:
    """The whole log: what is archived, and from Kafka what is not yet.

    Files of days that began after `until_ms` are left out, and so is Kafka if it has nothing else. Raises OffsetGap for
    offsets that neither has, ArchiveBroken, SourceUnavailable, and CallerError if nothing is archived.
    """
    archive = Archive.of(settings)
    begins = {}
    for partition in archive.partitions():
        manifest = archive.manifest(partition)
        if not manifest.files:
            continue
        if manifest.files[0].first > 0:
            raise OffsetGap(partition, 0, manifest.files[0].first - 1, "the archive begins after them")
        reached = True
        pieces: list[Archived] = []
        for file in manifest.files:
            reached = until_ms is None or file.day * DAY_MS <= until_ms
            if not reached:
                break
            if pieces and pieces[-1].records + file.rows <= PIECE_ROWS:
                pieces[-1] = Archived(partition, pieces[-1].first, file.last, pieces[-1].records + file.rows)
            else:
                pieces.append(Archived(partition, file.first, file.last, file.rows))
        yield from pieces
        if reached:
            begins[partition] = manifest.files[-1].last + 1
        else:
            begins[partition] = -1
    if not begins and not tail:
        raise CallerError(f"nothing is archived at {archive.url}")
    if tail and (not begins or any(begin >= 0 for begin in begins.values())):
        yield from of_kafka(settings, begins)


def of_kafka(settings: Settings, begins: dict[int, int] | None = None) -> Iterator[Fetched]:
    """What Kafka has of the log as of now, of each partition from its offset in `begins` (-1: nothing) or from 0.

    Raises SourceUnavailable, and OffsetGap for offsets that Kafka has deleted.
    """
    reader = consumer(settings)
    try:
        partitions = partitions_of(reader, settings.topics.activity)
        earliest, ends = reader.beginning_offsets(partitions), reader.end_offsets(partitions)
    finally:
        reader.close()
    for each in partitions:
        begin = (begins or {}).get(each.partition, 0)
        if begin < 0:
            continue
        if begin < earliest[each]:
            raise OffsetGap(each.partition, begin, earliest[each] - 1, "Kafka has deleted them")
        for first in range(begin, ends[each], KAFKA_RECORDS):
            yield Fetched(each.partition, first, min(first + KAFKA_RECORDS, ends[each]))
