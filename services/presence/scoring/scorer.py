"""The partitions that this worker has been assigned, and their publication."""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from aiokafka.errors import KafkaError, ProducerFenced

from presence.events.errors import InvariantBroken
from presence.log.settings import Settings
from presence.model.spec import Model
from presence.scoring.batch import Record
from presence.scoring.ownership import claim
from presence.scoring.partition import Partition
from presence.scoring.publisher import Publisher

log = structlog.get_logger("presence.scoring")

IDLE_S = 0.5
"""How often a worker that has nothing to publish looks whether it shall stop."""


class Scorer:
    """Opens, feeds, publishes and closes partitions. All calls come from one event loop."""

    def __init__(self, settings: Settings, model: Model) -> None:
        self._settings = settings
        self._model = model
        self._partitions: dict[int, Partition] = {}
        self._publishers: dict[int, Publisher] = {}
        self._changed = asyncio.Event()
        self._publishing = asyncio.Lock()

    async def open(self, numbers: set[int]) -> dict[int, int]:
        """Make exactly `numbers` ours; returns the offset at which each goes on."""
        await self.close(self._partitions.keys() - numbers)
        for number in sorted(numbers - self._partitions.keys()):
            publisher = Publisher(self._settings, number)
            await publisher.start()
            store = claim(self._settings.data / "scoring" / f"partition-{number}")
            self._publishers[number] = publisher
            self._partitions[number] = Partition(number, store, self._model)
            log.info("partition opened", partition=number, offset=store.offset)
        self._changed.set()
        return {number: partition.store.offset for number, partition in self._partitions.items()}

    async def close(self, numbers: set[int]) -> None:
        """Give `numbers` up. What is unpublished stays so in the store, for whoever opens it next."""
        async with self._publishing:
            for number in sorted(numbers & self._partitions.keys()):
                partition = self._partitions.pop(number)
                partition.store.close()
                await self._publishers.pop(number).stop()
                log.info("partition closed", partition=number, offset=partition.store.offset)

    def offset(self, number: int) -> int | None:
        """Of the next record that a partition wants; None for one that is not ours."""
        return self._partitions[number].store.offset if number in self._partitions else None

    def apply(self, number: int, records: Sequence[Record], *, after_gap: bool = False) -> None:
        """Fold what was fetched of a partition.

        Raises Gap as the partition does, and InvariantBroken for a partition that is not ours.
        """
        if number not in self._partitions:
            raise InvariantBroken(f"records of partition {number}, which is not open")
        if self._partitions[number].apply(records, after_gap=after_gap):
            self._changed.set()

    async def publish_until(self, stopped: Callable[[], bool]) -> None:
        """Publish what changes, at once when idle and at most every `publish_delay_ms` when busy."""
        delay_s = self._settings.publish_delay_ms / 1000
        while not stopped():
            try:
                await asyncio.wait_for(self._changed.wait(), IDLE_S)
            except TimeoutError:
                continue
            self._changed.clear()
            pause = asyncio.create_task(asyncio.sleep(delay_s))
            try:
                more = await self._publish()
            except ProducerFenced:
                raise
            except KafkaError as error:
                log.warning("publishing failed, trying again", error=type(error).__name__)
                more = True
            if more:
                self._changed.set()
            await pause

    async def _publish(self) -> bool:
        """One publication of every partition, side by side; True if there was anything to publish."""
        async with self._publishing:
            return any(await asyncio.gather(*map(self._publish_one, self._partitions.values())))

    async def _publish_one(self, partition: Partition) -> bool:
        publication = partition.due()
        if not publication:
            return False
        await self._publishers[partition.number].publish(publication)
        partition.published(publication)
        return True
