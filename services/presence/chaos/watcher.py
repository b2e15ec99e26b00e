"""A client that reads every committed score while it is published, and holds it to its word."""

import threading
import time
from dataclasses import dataclass

from kafka.consumer.fetcher import ConsumerRecord

from presence.events.errors import SourceUnavailable
from presence.log.kafka import consumer, partitions_of
from presence.log.revision import decode
from presence.log.settings import Settings
from presence.v1 import score_pb2

POLL_MS = 50


@dataclass(frozen=True, slots=True)
class Published:
    """The newest score of somebody: its revision's offset and its bytes; both None for a tombstone."""

    offset: int | None
    value: bytes | None


class Watcher:
    """Follows the scores topic from its beginning, in a thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._failure: BaseException | None = None
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-watcher", daemon=True)
        self.newest: dict[str, Published] = {}
        self.partition_of: dict[str, int] = {}
        self.reached = dict.fromkeys(range(settings.partitions), -1)
        """By partition: the greatest offset of the log that any score has counted."""
        self.revisions_back = 0
        self.records = 0
        self.heard_at_s = time.monotonic()
        """When the newest record came."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._closed.set()
        self._thread.join()

    def check(self) -> None:
        """Raise SourceUnavailable if the watch has failed."""
        if self._failure is not None:
            raise SourceUnavailable(f"the watcher of the scores failed: {self._failure!r}")

    def _run(self) -> None:
        try:
            reader = consumer(self._settings)
            reader.assign(partitions_of(reader, self._settings.topics.scores))
            reader.seek_to_beginning()
            while not self._closed.is_set():
                for records in reader.poll(timeout_ms=POLL_MS).values():
                    for record in records:
                        self._note(record)
            reader.close()
        except Exception as error:  # noqa: BLE001 (the thread's end: `check` raises it)
            self._failure = error

    def _note(self, record: ConsumerRecord) -> None:
        person = record.key.decode()
        now = Published(None, None)
        if record.value is not None:
            revision = decode(score_pb2.Score.FromString(record.value).revision)
            now = Published(revision.offset, record.value)
            self.reached[record.partition] = max(self.reached[record.partition], revision.offset)
        before = self.newest.get(person)
        if before is not None and _is_back(before, now):
            self.revisions_back += 1
        else:
            self.newest[person] = now
        self.partition_of[person] = record.partition
        self.records += 1
        self.heard_at_s = time.monotonic()


def _is_back(before: Published, now: Published) -> bool:
    if before.offset is None:
        return now.offset is not None  # An erased person never comes back.
    return now.offset is not None and now.offset < before.offset
