"""The partitions that this worker has been assigned, and their publication."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

import structlog
from aiokafka.errors import KafkaError, ProducerFenced

from presence.batch.records import Record
from presence.events.errors import InvariantBroken, PresenceError, SourceUnavailable
from presence.log.metrics import Step
from presence.log.settings import Settings
from presence.model.spec import Model
from presence.model.state import State
from presence.scoring.meter import Meter, Written, timed
from presence.scoring.ownership import claim, renewed
from presence.scoring.partition import Partition, Publication
from presence.scoring.publisher import Publisher
from presence.scoring.queries import Queries
from presence.scoring.snapshots import Snapshot, Snapshots

log = structlog.get_logger("presence.scoring")

FAILING_S = 20.0
PAUSE_SHARE = 2.0
"""How long a publication is followed by none, in its own lengths: publishing takes a third of the time at most."""
IDLE_S = 0.5
"""How often a worker that has nothing to publish looks whether it shall stop."""


class Scorer:
    """Opens, feeds, publishes and closes partitions. All calls come from one event loop."""

    def __init__(self, settings: Settings, model: Model) -> None:
        self._settings = settings
        self._model = model
        self._partitions: dict[int, Partition] = {}
        self._publishers: dict[int, Publisher] = {}
        self.meter = Meter(model, settings.variant)
        self.held: dict[int, int] = {}
        """Partitions that publish nothing before they reach this offset; see `hold`."""
        self._changed = asyncio.Event()
        self._publishing, self._snapshotting = asyncio.Lock(), asyncio.Lock()
        self._purged: dict[int, int] = {}
        """By partition the newest erasure of which no snapshot knows anything any more."""
        self.queries = Queries(settings, model.hash, self._state)
        self._snapshots = Snapshots(settings.snapshots_url, settings.namespace + settings.suffix)

    async def open(self, numbers: set[int]) -> dict[int, int]:
        """Make exactly `numbers` ours; returns the offset at which each goes on."""
        await self.close(self._partitions.keys() - numbers)
        async with asyncio.TaskGroup() as opening:
            for number in sorted(numbers - self._partitions.keys()):
                opening.create_task(self._open(number))
        self._changed.set()
        return {number: partition.store.offset for number, partition in self._partitions.items()}

    def hold(self, ends: Mapping[int, int]) -> None:
        """Publish nothing of a partition before it has counted the log as it stands now.

        Its store may be older than what is published, as one that a snapshot brought back: its scores would go back,
        and somebody who has been erased since would have one again.
        """
        self.held |= {number: end for number, end in ends.items() if (self.offset(number) or 0) < end}

    def reached(self, number: int, offset: int) -> bool:
        """Let a partition that has counted all before `offset` publish, if that is far enough."""
        if offset < self.held[number]:
            return False
        del self.held[number]
        self._changed.set()
        return True

    async def _open(self, number: int) -> None:
        """Fence whoever had the partition, then take its store, beside other partitions."""
        publisher = Publisher(self._settings, number)
        await publisher.start()
        folder = self._settings.scoring / f"partition-{number}"
        restore = partial(self._snapshots.restore, number)
        store = await asyncio.to_thread(claim, folder, restore)
        await publisher.announce(self.queries.owner)
        self._publishers[number] = publisher
        self._partitions[number] = Partition(number, store, self._model)
        log.info("partition opened", partition=number, offset=store.offset)

    async def close(self, numbers: set[int]) -> None:
        """Give `numbers` up. What is unpublished stays so in the store, for whoever opens it next."""
        async with self._snapshotting, self._publishing:
            for number in sorted(numbers & self._partitions.keys()):
                partition = self._partitions.pop(number)
                self.held.pop(number, None)
                self._purged.pop(number, None)
                # Where the disk is full, whoever opens it next publishes some people once more.
                with suppress(SourceUnavailable):
                    partition.store.settle()
                partition.store.close()
                self.meter.closed(number)
                await self._publishers.pop(number).stop()
                log.info("partition closed", partition=number, offset=partition.store.offset)

    def offset(self, number: int) -> int | None:
        """Of the next record that a partition wants; None for one that is not ours."""
        return self._partitions[number].store.offset if number in self._partitions else None

    def apply(self, number: int, records: Sequence[Record], *, after_gap: bool = False) -> int:
        """Fold what was fetched of a partition; returns how many records were new.

        Raises Gap as the partition does, and InvariantBroken for a partition that is not ours.
        """
        if number not in self._partitions:
            raise InvariantBroken(f"records of partition {number}, which is not open")
        return self._partitions[number].apply(records, after_gap=after_gap)

    def changed(self) -> None:
        """There is something to publish: called once for all that was fetched at once, so that it goes out at once, too."""
        self._changed.set()

    def applied(self, number: int, records: Sequence[Written]) -> None:
        """Tell the metrics that these records of a partition are folded."""
        store = self._partitions[number].store
        self.meter.applied(number, records, store.offset, store.change)

    def _state(self, number: int, person: str) -> State | None:
        """The state of a person, without their ledger; None for a partition that is not ours."""
        partition = self._partitions.get(number)
        return None if partition is None else partition.store.load([person])

    async def publish_until(self, stopped: Callable[[], bool]) -> None:
        """Publish what changes, at once when idle, after a pause that grows with the work when busy.

        The pause is at most `publish_delay_ms`; in it further changes of a person become one.

        Raises SourceUnavailable when nothing could be published for FAILING_S: a transactional producer may never
        recover from what a broker told it, and only a new member of the group may have a new one, since that
        fences whoever publishes the partition.
        """
        delay_s = self._settings.publish_delay_ms / 1000
        succeeded = time.monotonic()
        while not stopped():
            try:
                await asyncio.wait_for(self._changed.wait(), IDLE_S)
            except TimeoutError:
                succeeded = time.monotonic()
                for partition in self._partitions.values():
                    partition.store.settle()
                continue
            self._changed.clear()
            began = time.monotonic()
            try:
                more = await self._publish()
                succeeded = time.monotonic()
            except ProducerFenced:
                raise
            except KafkaError as error:
                if time.monotonic() - succeeded > FAILING_S:
                    raise SourceUnavailable(
                        f"nothing could be published for {FAILING_S} s: {error!r}"
                    ) from error
                log.warning("publishing failed, trying again", error=type(error).__name__)
                more = True
            if more:
                self._changed.set()
            await asyncio.sleep(min(delay_s, PAUSE_SHARE * (time.monotonic() - began)))

    async def answer_until(self, stopped: Callable[[], bool]) -> None:
        """Answer interactive queries."""
        await self.queries.start()
        try:
            while not stopped():  # noqa: ASYNC110 (Faust does not tell of its stop, it is asked)
                await asyncio.sleep(IDLE_S)
        finally:
            await self.queries.stop()

    async def snapshot_until(self, stopped: Callable[[], bool]) -> None:
        """Take a snapshot of every partition now and then; what fails is tried again next time.

        What knows of an erased person goes within `renew_s` of the erasure: pages of the store, and older snapshots, of
        which a newer one comes first, where any are taken. Many erasures at once cost one copy and one snapshot.
        """
        taken_s = purged_s = time.monotonic()
        while not stopped():
            await asyncio.sleep(IDLE_S)
            now, interval_s = time.monotonic(), self._settings.snapshot_interval_s
            if is_due := bool(interval_s) and now - taken_s >= interval_s:
                taken_s = now
            if not is_due and now - purged_s < self._settings.renew_s:
                continue
            purged_s = now
            for number, partition in list(self._partitions.items()):
                async with self._snapshotting:
                    if self._partitions.get(number) is partition:
                        await self._keep(number, partition, is_due=is_due)

    async def _keep(self, number: int, partition: Partition, *, is_due: bool) -> None:
        erased_offset, keeps = partition.store.meta.erased_offset, bool(self._settings.snapshot_interval_s)
        is_purged = self._purged.get(number, -1) >= erased_offset
        is_told = not is_purged and await self._tell(number, partition)
        if is_told:
            await self._renew(number, partition)
        try:
            taken = (
                await self._snapshot(number, partition, anew=is_told)
                if is_due or (keeps and is_told)
                else None
            )
            if is_told or (is_due and is_purged):
                # What was copied since the erasure, but before all the world was told, names whom to tell of.
                until = taken.offset - 1 if is_told and taken else erased_offset
                gone = await asyncio.to_thread(self._snapshots.purge, number, until)
                self._purged[number] = erased_offset
                log.info("snapshots purged", partition=number, snapshots=len(gone))
        except PresenceError as error:
            log.warning("no snapshot", partition=number, error=str(error))

    async def _tell(self, number: int, partition: Partition) -> bool:
        """Publish all that waits by now, erasures among it, so that the store names nobody whom it has to tell of.

        False if that is not possible yet.
        """
        if number in self.held:
            return False
        store = partition.store
        try:
            async with self._publishing:
                people, letters = store.unpublished, store.letters
                while (people > 0 or letters > 0) and (out := await self._publish_one(partition)):
                    people -= len(out.changes)
                    letters -= len(out.letters)
                store.settle()
        except (KafkaError, SourceUnavailable) as error:
            log.warning("erasures are not published yet", partition=number, error=type(error).__name__)
            return False
        return True

    async def _renew(self, number: int, partition: Partition) -> None:
        """Leave the pages behind in which somebody was who is erased. Nothing of any partition happens meanwhile."""
        if partition.store.meta.is_renewed:
            return
        async with self._publishing:
            try:
                partition.store = renewed(partition.store)
                log.info("store renewed", partition=number)
            except SourceUnavailable as error:
                log.warning("store not renewed", partition=number, error=str(error))

    async def _snapshot(self, number: int, partition: Partition, *, anew: bool) -> Snapshot | None:
        store = partition.store
        work = store.folder.with_suffix(".snapshot")
        take = partial(self._snapshots.take, number, work, store.copy, anew=anew)
        with timed(Step.SNAPSHOT):
            taken = await asyncio.to_thread(take)
        self.meter.kept(number)
        log.info("snapshot", partition=number, offset=taken and taken.offset)
        return taken

    async def _publish(self) -> bool:
        """One publication of every partition, side by side; True if there was anything to publish.

        All have ended when this returns or raises: a producer has one transaction at a time.
        """
        async with self._publishing:
            free = [each for number, each in self._partitions.items() if number not in self.held]
            publications = map(self._publish_one, free)
            done = await asyncio.gather(*publications, return_exceptions=True)
        for each in done:
            if isinstance(each, BaseException):
                raise each
        return any(each is not None for each in done)

    async def _publish_one(self, partition: Partition) -> Publication | None:
        publication = partition.due()
        if not publication:
            return None
        number, changes = partition.number, publication.changes
        with timed(Step.PUBLISH):
            observed_ms = self.meter.observed_ms(number, changes)
            await self._publishers[number].publish(publication, observed_ms)
        partition.published(publication)
        reasons = Counter(letter.reason for letter in publication.letters if letter.reason)
        self.meter.published(number, changes, reasons, partition.store.unpublished)
        return publication
