"""The end of one partition's archive: takes records, and makes files of them."""

from collections.abc import Collection, Sequence

import msgspec
import polars as pl

from presence.archive.days import Stretch, stretches
from presence.archive.erasure import erased_in, without
from presence.archive.errors import OffsetGap
from presence.archive.layout import File
from presence.archive.rows import Record, rows
from presence.archive.store import Archive


class Writer:
    """Buffers the records after the newest manifest, and writes them as files.

    What is not written yet is nowhere but in Kafka: after a crash, or when another archiver was faster, it is read again.
    """

    def __init__(self, archive: Archive, partition: int) -> None:
        """Raises as `Archive.manifest` and `Archive.beside_others` do."""
        self.partition = partition
        self._archive = archive
        # The first manifest comes before the first file: where there is none, files have lost theirs.
        self.manifest = archive.beside_others(
            partition, lambda found: found if found.version else archive.commit(found)
        )
        self._open: list[Stretch] = []
        """What is buffered: complete stretches, and last the one that may go on."""
        self._first = self._next = self.manifest.next_offset
        self.buffered_bytes = 0

    def begin(self, log_start: int, log_end: int) -> int:
        """The offset to read from, in a log that has those of `log_start` to before `log_end`.

        Raises OffsetGap if records after the archive's last have left the log, or if the log is not that of the archive.
        """
        if self._next is None:
            self._next = self._first = log_start
        if self._next < log_start:
            raise OffsetGap(
                self.partition, self._next, log_start - 1, "they left Kafka before they were archived"
            )
        if self._next > log_end:
            why = "the archive has them and Kafka does not: it is another log"
            raise OffsetGap(self.partition, log_end, self._next - 1, why)
        return self._next

    @property
    def next_offset(self) -> int:
        """Of the next record to take."""
        assert self._next is not None, "`begin` comes first"
        return self._next

    @property
    def complete(self) -> bool:
        """Whether a stretch is at its end: it may as well be written."""
        return len(self._open) > 1

    def take(self, records: Sequence[Record]) -> set[str]:
        """Buffer what is new among `records`, in log order; the people whom they erase."""
        fresh = [record for record in records if record.offset >= self.next_offset]
        if not fresh:
            return set()
        frame = rows(fresh)
        self._next = fresh[-1].offset + 1
        self.buffered_bytes += int(frame.estimated_size())
        last = self._open[-1] if self._open else None
        for stretch in stretches(frame, self._day):
            if last is not None and last.goes_on_in(stretch):
                self._open[-1] = Stretch(stretch.day, pl.concat([last.rows, stretch.rows], rechunk=False))
            else:
                self._open.append(stretch)
            last = self._open[-1]
        return erased_in(frame)

    def flush(self, erased: Collection[str]) -> list[File]:
        """Write everything buffered, without those `erased`; the files, which count when this returns.

        Raises SourceUnavailable, after which it may be called again; Outrun if another archiver was faster.
        """
        if not self._open:
            return []
        files: list[File] = []
        first = self._first
        assert first is not None, "`begin` comes first"
        for stretch in self._open:
            kept = without(stretch.rows, erased)
            span = (first, stretch.last)
            purged = stretch.rows.height - kept.height
            files.append(self._archive.put(self.partition, stretch.day, span, kept, purged=purged))
            first = span[1] + 1
        step = msgspec.structs.replace(self.manifest, files=(*self.manifest.files, *files))
        self.manifest = self._archive.commit(step)
        self._open, self._first, self.buffered_bytes = [], first, 0
        return files

    @property
    def _day(self) -> int:
        """Of the newest record, in days since 1970-01-01; 0 if there is none."""
        if self._open:
            return self._open[-1].day
        return self.manifest.files[-1].day if self.manifest.files else 0
