"""The archiver: follows the activity log and writes it down.

It goes on from its own manifests; Kafka's committed offsets play no part. Killed at any moment, it reads again what no
manifest names. Two at once are harmless: only one can take a manifest's next step, and the other goes on from there.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from threading import Event as Flag

import structlog
from kafka import TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from presence.archive.erasure import digest
from presence.archive.errors import FileMissing
from presence.archive.store import Archive, Outrun
from presence.archive.tombstones import tombstones
from presence.archive.upkeep import erased_people, merge, purge
from presence.archive.writer import Writer
from presence.events.errors import SourceUnavailable
from presence.log.clock import now_ms
from presence.log.kafka import POLL_MS, consumer, partitions_of
from presence.log.settings import Settings
from presence.log.topics import DAY_MS

BUFFER_BYTES_MAX = 256 * 2**20
"""Of all partitions together; a record takes about 300 bytes as columns."""
RECORDS_MAX = 50_000
"""In one fetch: large enough that decoding costs little for each."""
DAY_GRACE_MS = 3_600_000
"""After midnight, a day is over for an archive even if nothing follows it: no broker's clock is so far behind."""
RETRIES_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 60.0, 60.0)
"""The waits between tries to write; about four minutes in all, then the archiver ends with the error."""

log = structlog.get_logger("presence.archive")


class Archiver:
    """Follows all partitions of one deployment's log. One thread."""

    def __init__(self, settings: Settings, stopping: Flag) -> None:
        """Raises SourceUnavailable, CallerError, OffsetGap, or what is wrong with the archive."""
        self._settings, self._stopping = settings, stopping
        self._archive = Archive.of(settings)
        self._consumer = consumer(settings, auto_offset_reset="none", max_poll_records=RECORDS_MAX)
        self._roster = consumer(settings)
        self._activity = partitions_of(self._consumer, settings.topics.activity)
        self._consumer.assign(self._activity)
        self._roster.assign(partitions_of(self._roster, settings.topics.roster))
        self._roster.seek_to_beginning()
        self._writers: dict[TopicPartition, Writer] = {}
        self._erased: set[str] = set()
        self._kept_up: dict[TopicPartition, tuple[int, int]] = {}
        """Of each partition, at which version of its manifest and on which day nothing was left to merge."""
        self._written_s, self._purged_s = time.monotonic(), float("-inf")

    def run(self) -> None:
        """Follow the log until `stopping` is set, then write what is buffered.

        Raises SourceUnavailable if the archive cannot be written for long, OffsetGap, or what is wrong with the archive.
        """
        try:
            for partition in self._activity:
                self._erased |= erased_people(self._archive, partition.partition)
            self._read_roster_to_end()
            for partition in self._activity:
                self._follow(partition)
            while not self._stopping.is_set():
                self._read()
                self._write_due()
                self._keep_up()
            self._write(self._activity)
        except OffsetOutOfRangeError:
            for partition in self._activity:
                self._follow(partition)  # It raises what is wrong with offsets and partition.
            raise
        except KafkaError as error:
            raise SourceUnavailable(f"Kafka at {self._settings.kafka}: {type(error).__name__}") from error
        finally:
            self._consumer.close()
            self._roster.close()

    def _follow(self, partition: TopicPartition) -> None:
        """Go on from the newest manifest."""
        writer = Writer(self._archive, partition.partition)
        start = self._consumer.beginning_offsets([partition])[partition]
        end = self._consumer.end_offsets([partition])[partition]
        self._consumer.seek(partition, writer.begin(start, end))
        self._writers[partition] = writer
        log.info("following", partition=partition.partition, offset=writer.next_offset, end=end)

    def _read(self) -> None:
        for partition, records in self._consumer.poll(timeout_ms=POLL_MS).items():
            self._erased |= self._writers[partition].take(records)
        self._read_roster()

    def _read_roster(self) -> None:
        for records in self._roster.poll(timeout_ms=0).values():
            self._erased |= tombstones(records)

    def _read_roster_to_end(self) -> None:
        partitions = self._roster.assignment()
        ends = self._roster.end_offsets(partitions)
        while any(self._roster.position(each) < ends[each] for each in partitions):
            self._read_roster()
            if self._stopping.wait(0.01):
                return

    def _write_due(self) -> None:
        """Write stretches that are complete; everything if the buffer is full or it is time."""
        now_s = time.monotonic()
        full = sum(writer.buffered_bytes for writer in self._writers.values()) > BUFFER_BYTES_MAX
        if full or now_s - self._written_s >= self._settings.archive_flush_s:
            self._written_s = now_s
            self._write(self._activity)
        else:
            self._write([each for each in self._activity if self._writers[each].complete])

    def _write(self, partitions: Iterable[TopicPartition]) -> None:
        for partition in partitions:
            self._persistently(partition, self._flush)

    def _flush(self, partition: TopicPartition) -> None:
        for file in self._writers[partition].flush(self._erased):
            log.info("written", path=file.path(partition.partition), rows=file.rows, bytes=file.bytes)

    def _keep_up(self) -> None:
        """Merge what was written in pieces and is complete; from time to time purge, and delete what nothing names."""
        today, now_s = (now_ms() - DAY_GRACE_MS) // DAY_MS, time.monotonic()
        for partition in self._activity:
            at = (self._writers[partition].manifest.version, today)
            if self._kept_up.get(partition) != at:
                self._persistently(partition, partial(self._merge, today=today))
                self._kept_up[partition] = (self._writers[partition].manifest.version, today)
        if now_s - self._purged_s >= self._settings.archive_purge_s:
            self._purged_s = now_s
            for partition in self._activity:
                self._persistently(partition, self._purge)

    def _merge(self, partition: TopicPartition, today: int) -> None:
        writer = self._writers[partition]
        writer.manifest = merge(self._archive, writer.manifest, today, self._erased)

    def _purge(self, partition: TopicPartition) -> None:
        writer = self._writers[partition]
        if writer.manifest.clean_of != digest(self._erased):
            purged = purge(self._archive, partition.partition, self._erased)
            log.info("purged", partition=partition.partition, files=purged.files, rows=purged.rows)
            self._follow(partition)
        for path in self._archive.sweep(partition.partition):
            log.info("deleted what nothing named", path=path)

    def _persistently(self, partition: TopicPartition, action: Callable[[TopicPartition], None]) -> None:
        """Do `action`; where the archive's place does not answer, again, and nothing else meanwhile.

        Where another archiver was faster, or at SIGTERM, it is left: what is not written is read again.
        """
        for wait_s in (*RETRIES_S, None):
            try:
                return action(partition)
            except Outrun:
                log.info("another archiver was faster", partition=partition.partition)
                return self._follow(partition)
            except FileMissing:
                if self._archive.manifest(partition.partition) == self._writers[partition].manifest:
                    raise
                return self._follow(partition)
            except SourceUnavailable as error:
                if wait_s is None:
                    raise
                log.warning("the archive cannot be written, trying again", error=str(error), after_s=wait_s)
                if self._stopping.wait(wait_s):
                    return None
        return None
