"""Keeps a registry up to date with the roster topic."""

from presence.events.vocabulary import PersonId
from presence.log.kafka import POLL_MS, consumer, partitions_of
from presence.log.settings import Settings
from presence.roster.keys import MasterKey
from presence.roster.registry import Registry


class Follower:
    """Reads the roster topic from its beginning. One thread."""

    def __init__(self, settings: Settings, master: MasterKey) -> None:
        """Raises SourceUnavailable if no broker answers or the topic is missing."""
        self.registry = Registry(master)
        self._consumer = consumer(settings)
        self._partitions = partitions_of(self._consumer, settings.topics.roster)
        self._consumer.assign(self._partitions)
        self._consumer.seek_to_beginning(*self._partitions)

    def catch_up(self) -> None:
        """Read to the end of the topic as of now."""
        ends = self._consumer.end_offsets(self._partitions)
        while any(self._consumer.position(each) < ends[each] for each in self._partitions):
            self._read(POLL_MS)

    def poll(self) -> None:
        """Read what has come since, without waiting for more."""
        self._read(0)

    def close(self) -> None:
        self._consumer.close()

    def _read(self, timeout_ms: int) -> None:
        for records in self._consumer.poll(timeout_ms=timeout_ms).values():
            for record in records:
                self.registry.apply(PersonId(record.key.decode()), record.value)
