"""The fold: reads the topics of scores, of history, of reasons and of the roster on a thread of its own and keeps the read model up to date.

It waits for nobody: readers see the last committed transaction, and are rung up when there is a new one. On a crash nothing is lost or counted twice, since positions are part of the transaction.
"""

import hashlib
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import chain

import structlog
from google.protobuf.message import DecodeError
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from kafka.errors import KafkaError, OffsetOutOfRangeError

from presence.events.errors import InvariantBroken, SourceUnavailable
from presence.events.vocabulary import PersonId
from presence.gateway.closings import closing_of
from presence.gateway.meter import FoldMeter
from presence.gateway.resume import DeploymentId, Positions
from presence.gateway.rows import Change, row_of
from presence.gateway.session import Session
from presence.gateway.write_model import Applied, WriteModel
from presence.log.clock import now_ms
from presence.log.kafka import partitions_of
from presence.log.metrics import GATEWAY_CAUGHT_UP
from presence.log.topics import OBSERVED_HEADER, Topics
from presence.v1.score_pb2 import Score

POLL_MS = 200
"""How long a stop may wait for the thread; records wake it at once."""
GATHERED_MAX = 100_000
"""Records of one transaction while catching up: some 250 MB of memory."""
TOUCH_MS = 60_000
TOUCH_TIMEOUT_MS = 1_000
RENEW_PAUSE = 100
"""While the read model is renewed no change is seen: that is this part of all time at most."""
ABSENCE_MS_MAX = 12 * 3_600_000
"""Half of the topic's `delete.retention.ms`: after a longer absence a tombstone may have come and gone unread."""

Batches = Mapping[TopicPartition, list[ConsumerRecord]]

log = structlog.get_logger(__name__)


class Fold:
    """Reads the topics from where the read model stands, for ever."""

    def __init__(
        self,
        consumer: KafkaConsumer,
        topics: Topics,
        model: WriteModel,
        *,
        session: Session,
        retention_ms: int,
        renew_s: float,
        ring: Callable[[], None],
        stopping: threading.Event,
        meter: FoldMeter,
    ) -> None:
        """Erasures are remembered for `retention_ms`, and out of all pages within `renew_s`.

        `ring` is called after each transaction, on the fold's thread, and must not block.
        """
        self._consumer = consumer
        self._topic = topics.scores
        self._sides = {"history": topics.history, "roster": topics.roster, "reasons": topics.reasons}
        self._model = model
        self._session = session
        self._retention_ms = retention_ms
        self._renew_s = renew_s
        self._compacted_ms = 0
        self._renew_at_s = 0.0
        self._behind = True
        self._ring = ring
        self._stopping = stopping
        self._meter = meter

    def run(self, deployment: DeploymentId) -> None:
        """Fold until `stopping` is set, and return within POLL_MS then.

        Raises InvariantBroken for a record that no scoring service wrote, or when records that were not folded yet
        have gone from the topic; SourceUnavailable if the broker refuses, or is silent at the start.
        """
        try:
            self._run(deployment)
        except OffsetOutOfRangeError as error:
            raise InvariantBroken(f"{self._topic} has lost records that were not read yet") from error
        except KafkaError as error:
            raise SourceUnavailable(f"Kafka does not give {self._topic}: {type(error).__name__}") from error

    def _run(self, deployment: DeploymentId) -> None:
        ends = self._begin(deployment)
        while not self._stopping.is_set():
            if self._behind and self._has_reached(ends):
                self._behind = False
                self._catch_up()
            self._step(self._gathered(ends) if self._behind else self._consumer.poll(timeout_ms=POLL_MS))

    def _begin(self, deployment: DeploymentId) -> dict[TopicPartition, int]:
        """Seek to where the model stands, or begin a new one; return the topics' ends as of now."""
        scores = partitions_of(self._consumer, self._topic)
        sides = {side: partitions_of(self._consumer, topic) for side, topic in self._sides.items()}
        every = [*scores, *chain.from_iterable(sides.values())]
        self._consumer.assign(every)
        firsts: dict[TopicPartition, int] = self._consumer.beginning_offsets(every)
        ends: dict[TopicPartition, int] = self._consumer.end_offsets(every)
        reason = self._stranger(deployment, [ends[partition] for partition in scores])
        if reason is not None:
            positions = tuple(firsts[partition] for partition in scores)
            self._model.begin(deployment, positions, compacted=self._complete_since(scores, ends))
            log.info("read_model_begun", topic=self._topic, reason=reason)
        for partition, position in zip(scores, self._model.positions, strict=True):
            self._consumer.seek(partition, position)
        for side, partitions in sides.items():
            self._begin_side(side, partitions, firsts, ends)
        return ends

    def _begin_side(
        self,
        side: str,
        partitions: list[TopicPartition],
        firsts: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
    ) -> None:
        known = self._model.side_positions(side)
        if len(known) != len(partitions) or any(
            here > ends[partition] for here, partition in zip(known, partitions, strict=True)
        ):
            known = tuple(firsts[partition] for partition in partitions)
            self._model.begin_side(side, known)
        for partition, position in zip(partitions, known, strict=True):
            # Days that the topic no longer keeps are no loss: they are older than those that we keep.
            self._consumer.seek(partition, max(position, firsts[partition]))

    def _complete_since(
        self, partitions: list[TopicPartition], ends: Mapping[TopicPartition, int]
    ) -> Positions:
        """From where on the topic still has every tombstone: the broker drops them a day after they were written."""
        since_ms = now_ms() - ABSENCE_MS_MAX
        found = self._consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
        return tuple(
            ends[partition] if found.get(partition) is None else found[partition].offset
            for partition in partitions
        )

    def _stranger(self, deployment: DeploymentId, ends: list[int]) -> str | None:
        """Why the model that is there cannot be read on from, or None."""
        positions = self._model.positions
        if not positions:
            return "empty"
        if self._model.deployment != deployment:
            return "other deployment"
        if len(positions) != len(ends):
            return "other number of partitions"
        if any(here > end for here, end in zip(positions, ends, strict=True)):
            return "ahead of the topic"
        if now_ms() - self._model.read_ms > ABSENCE_MS_MAX:
            return "away for too long"
        return None

    def _step(self, batches: Batches) -> None:
        now = now_ms()
        self._meter.looked(self._lag())
        self._compact(now)
        self._renew()
        if not batches:
            self._touch(now)
            return
        records = {
            topic: [
                record for partition, batch in batches.items() if partition.topic == topic for record in batch
            ]
            for topic in (self._topic, *self._sides.values())
        }
        for side in ("roster", "reasons"):
            if kept := records[self._sides[side]]:
                self._model.apply_records(
                    side,
                    [(record.key, record.value) for record in kept],
                    positions=self._positions(self._sides[side]),
                )
        if closed := records[self._sides["history"]]:
            found = [closing_of(record.key, record.value, _where(record)) for record in closed]
            self._model.apply_history(found, positions=self._positions(self._sides["history"]))
        if records[self._topic]:
            changes = [change_of(record) for record in records[self._topic]]
            observed_ms = observed_of([records[self._topic]])
            applied = self._model.apply(
                changes, positions=self._positions(self._topic), now_ms=now, observed_ms=observed_ms or 0
            )
            self._meter.folded(len(changes), None if self._behind else observed_ms)
            _report(applied)
        self._ring()

    def _gathered(self, ends: Mapping[TopicPartition, int]) -> Batches:
        """What comes without waiting, up to `ends` or GATHERED_MAX records: a topic that never rests has no pause to end at.

        In a transaction of few records nearly every page of the orders is written for one row or two.
        """
        batches: dict[TopicPartition, list[ConsumerRecord]] = defaultdict(list)
        records = 0
        while records < GATHERED_MAX and not self._has_reached(ends) and not self._stopping.is_set():
            found = self._consumer.poll(timeout_ms=POLL_MS)
            if not found:
                break
            for partition, batch in found.items():
                batches[partition] += batch
                records += len(batch)
        return batches

    def _compact(self, now: int) -> None:
        """Now and then forget erasures that are older than a watch may be away."""
        if now - self._compacted_ms < min(TOUCH_MS, self._retention_ms // 2):
            return
        self._compacted_ms = now
        if self._model.compact(now - self._retention_ms):
            self._ring()

    def _renew(self) -> None:
        """Leave the pages behind in which somebody was who is erased."""
        if self._behind or time.monotonic() < self._renew_at_s:
            return
        began_s = time.monotonic()
        if self._model.is_unclean:
            try:
                self._model.renew()
                self._ring()
                log.info("read_model_renewed")
            except SourceUnavailable as error:
                log.warning("read_model_not_renewed", error=str(error))
        took_s = time.monotonic() - began_s
        self._renew_at_s = began_s + max(self._renew_s, RENEW_PAUSE * took_s)

    def _touch(self, now: int) -> None:
        """Keep a quiet topic from looking like a long absence, but only if it is quiet and not out of reach."""
        if now - self._model.read_ms <= TOUCH_MS:
            return
        try:
            ends = self._consumer.end_offsets(list(self._consumer.assignment()), timeout_ms=TOUCH_TIMEOUT_MS)
        except KafkaError as error:
            log.warning("broker_silent", error=type(error).__name__)
            return
        if self._has_reached(ends):
            self._model.touch(now)

    def _catch_up(self) -> None:
        # Behind the last record there can be markers of transactions; a token never speaks of more than this.
        positions = self._positions(self._topic)
        self._model.apply((), positions=positions, now_ms=now_ms())
        self._model.arrange()
        self._model.serve(self._session)
        GATEWAY_CAUGHT_UP.set(1)
        self._ring()
        log.info("caught_up", topic=self._topic, positions=positions)

    def _has_reached(self, ends: Mapping[TopicPartition, int]) -> bool:
        return all(self._consumer.position(partition) >= end for partition, end in ends.items())

    def _lag(self) -> dict[str, int]:
        """By topic the records that are still to be read, as far as the broker has told."""
        lag = dict.fromkeys((self._topic, *self._sides.values()), 0)
        for partition in self._consumer.assignment():
            end = self._consumer.highwater(partition)
            lag[partition.topic] += max(0, (end or 0) - self._consumer.position(partition))
        return lag

    def _positions(self, topic: str) -> Positions:
        own = sorted(partition for partition in self._consumer.assignment() if partition.topic == topic)
        return tuple(self._consumer.position(partition) for partition in own)


def change_of(record: ConsumerRecord) -> Change:
    """What one record of the topic of scores says.

    Raises InvariantBroken with its position if it is not a Score under its person's key: nobody but scoring writes
    there, so that skipping it would hide a fault of ours.
    """
    where = _where(record)
    if not record.key:
        raise InvariantBroken(f"a score without a key: {where}")
    person = PersonId(record.key.decode(errors="replace"))
    if not record.value:
        return Change(record.partition, record.offset, person, None)
    try:
        score = Score.FromString(record.value)
    except DecodeError as error:
        raise InvariantBroken(f"not a Score: {where}") from error
    if score.person != person:
        raise InvariantBroken(f"a Score under another person's key: {where}")
    row = row_of(record.partition, record.offset, score, record.value)
    return Change(record.partition, record.offset, person, row)


def observed_of(batches: Iterable[Iterable[ConsumerRecord]]) -> int | None:
    """When the oldest record behind these scores was written to the activity log, as far as scoring says."""
    headers = (header for batch in batches for record in batch for header in record.headers)
    return min((int(value) for name, value in headers if name == OBSERVED_HEADER), default=None)


def _where(record: ConsumerRecord) -> str:
    return f"partition {record.partition}, offset {record.offset}"


def deployment_of(admin: KafkaAdminClient, topic: str) -> DeploymentId:
    """The deployment that `topic` is of: a topic deleted and made anew is another one.

    Raises SourceUnavailable if the broker does not know the topic.
    """
    try:
        cluster = admin.describe_cluster()["cluster_id"]
        (described,) = admin.describe_topics([topic])
    except KafkaError as error:
        raise SourceUnavailable(f"Kafka does not answer about {topic}: {error}") from error
    if described["error_code"]:
        raise SourceUnavailable(f"there is no topic {topic}")
    # A broker before 2.8 has no topic ids; the name must do.
    topic_id = described["topic_id"] or uuid.UUID(int=0)
    return DeploymentId(hashlib.sha256(f"{cluster} {topic} {topic_id}".encode()).digest()[:8])


def _report(applied: Applied) -> None:
    if applied.older:
        log.warning("older_revisions_passed_over", records=applied.older)
    log.debug("folded", changed=len(applied.changed), repeated=applied.repeated, erased=applied.erased)
