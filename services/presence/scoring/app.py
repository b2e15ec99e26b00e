"""The Faust application: group membership, assignment and timers are Faust's; counting is the store's.

Faust's own guarantees are not used. A bulk consumer hands whole fetched batches to the partition that they
are of, and after every assignment reads on from the partition's own offset, not from Kafka's committed one.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import faust
import structlog
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from presence.batch.records import Record
from presence.events.errors import InvariantBroken
from presence.log.settings import Settings
from presence.model.spec import load
from presence.scoring.partition import Gap
from presence.scoring.scorer import Scorer

log = structlog.get_logger("presence.scoring")

SESSION_TIMEOUT_S = 10.0
"""How long a killed worker's partitions stay with it before another gets them."""
FETCH_TIMEOUT_S = 1.0
SMALL_RECORDS = 20_000
"""Batches below this cost more by their number than by their records: more may gather before the next one."""
REST_SHARE = 4.0
"""How long they may gather, in lengths of the last batch: so a trickle takes a fifth of the time at most."""
REST_S_MAX = 0.1
"""Nobody waits longer for the sake of a batch."""
REFILL_S = 0.02
"""How long to wait for what has gathered: the brokers are asked for it when what they had sent before is taken."""
TELL_S = 10.0
"""How often a worker that has much to catch up with says so."""
RECORDS_MAX = 100_000
"""In one batch: bounds memory. What has queued up is fetched at once, so the batch grows with the backlog."""
FETCH_BYTES_MAX = 16 * 2**20
"""Of one partition in one fetch."""


class ScoringApp(faust.App):
    """A Faust application with the scorer that its consumer feeds."""

    scorer: Scorer


class BulkConsumer(driver.Consumer):
    """Hands every fetched list of records to the scorer, and seeks to the scorer's offsets."""

    app: ScoringApp

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._told, self._applied = time.monotonic(), 0
        self._rested = False
        """Whether the last fetch was little, and so was followed by a rest."""
        self._astray: set[TP] = set()
        """Partitions whose position has run ahead of what was applied."""
        self._led_back: dict[TP, int] = {}
        """Where partitions go on from, of which nothing has been passed over since."""

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Called by Faust after each assignment, before anything is fetched."""
        offsets = await self.app.scorer.open({tp.partition for tp in self.assignment()})
        ends = await self.highwaters(*self.assignment())
        for tp, end in ends.items():
            if offsets[tp.partition] > end:
                raise InvariantBroken(
                    f"{tp.topic}/{tp.partition} ends at {end}, the store has counted {offsets[tp.partition]} records: "
                    "it is of another log; `presence scoring reset` drops it"
                )
        positions = {tp: offsets[tp.partition] for tp in self.assignment()}
        self.app.scorer.hold({tp.partition: end for tp, end in ends.items()})
        await self.seek_wait(positions)
        for tp, position in positions.items():
            self.app.scorer.meter.opened(tp.partition, position, ends[tp])
        self._astray.clear()
        self._led_back = dict(positions)
        return positions

    async def _drain_messages(self, fetcher: Any) -> None:
        """Called by Faust's fetcher, until it is cancelled.

        Faust takes a fetcher that is cancelled during a rebalance for crashed, and ends the worker with an error. One
        that was told to stop has stopped.
        """
        try:
            await self._drain(fetcher)
        except asyncio.CancelledError:
            if not fetcher.should_stop:
                raise

    async def _drain(self, fetcher: Any) -> None:
        while not (self.should_stop or fetcher.should_stop):
            generation = self.app.consumer_generation_id
            records, active = await self._next_records()
            if not self.flow_active or self.app.consumer_generation_id != generation:
                self._astray.update(records)  # What is dropped here is to be fetched again.
                self._led_back.clear()
                continue
            began = time.monotonic()
            for tp, fetched in records.items():
                if active is None or tp in active:
                    await self._apply(tp, fetched)
            if records:
                self.app.scorer.changed()
            await self._release(records)
            await self._lead_back()
            self._measure()
            self._tell(records)
            self._rested = _is_little(records)
            if self._rested:
                await asyncio.sleep(min(REST_S_MAX, REST_SHARE * (time.monotonic() - began)))

    async def _next_records(self) -> tuple[Mapping[TP, Sequence[Any]], Any]:
        """What was fetched. Behind little after a rest comes what has gathered meanwhile."""
        fetched, active = await self._wait_next_records(FETCH_TIMEOUT_S)
        records = fetched or {}
        if not (self._rested and _is_little(records)):
            return records, active
        more, active = await self._wait_next_records(REFILL_S)
        if not more:
            return records, active
        return {tp: [*records.get(tp, ()), *more.get(tp, ())] for tp in {**records, **more}}, active

    def _measure(self) -> None:
        """Tell the metrics how far there is to go."""
        ours = {tp: self.app.scorer.offset(tp.partition) for tp in self.assignment()}
        offsets = {tp.partition: offset for tp, offset in ours.items() if offset is not None}
        self.app.scorer.meter.looked({tp.partition: self.highwater(tp) for tp in ours}, offsets)

    async def _release(self, records: Mapping[TP, Sequence[Record]]) -> None:
        """Let partitions publish that have counted the log as it stood when they were opened.

        A log can end with markers, which are no records: then the position is at the end, the store before it, and
        that is still so after the position was led back to the store's.
        """
        held = self.app.scorer.held
        for tp in [each for each in self.assignment() if each.partition in held]:
            offset = self.app.scorer.offset(tp.partition)
            if offset is None or self.app.scorer.reached(tp.partition, offset) or tp in records:
                continue
            end = held[tp.partition]
            if (await self.position(tp) or 0) >= end:
                if self._led_back.get(tp) == offset:
                    self.app.scorer.reached(tp.partition, end)
                else:
                    self._astray.add(tp)

    def _tell(self, records: Mapping[TP, Sequence[Record]]) -> None:
        """Say now and then how far there is to go, while there is."""
        now = time.monotonic()
        self._applied += sum(map(len, records.values()))
        if now - self._told < TELL_S:
            return
        rate = self._applied / (now - self._told)
        lag = {tp.partition: (self.highwater(tp) or 0) - (self._read_offset[tp] or 0) - 1 for tp in records}
        if rate and sum(lag.values()) > RECORDS_MAX:
            left_s = round(sum(lag.values()) / rate)
            log.info("catching up", lag=lag, events_per_second=round(rate), seconds_left=left_s)
        self._told, self._applied = now, 0

    async def _apply(self, tp: TP, fetched: Sequence[Any]) -> None:
        if self.app.scorer.offset(tp.partition) is None:
            return  # It was taken from us since this was fetched.
        try:
            fresh = self.app.scorer.apply(tp.partition, fetched)
        except Gap as gap:
            if self._led_back.get(tp) != gap.offset:
                self._astray.add(tp)
                return
            await self._must_not_be_lost(tp, gap.offset)
            fresh = self.app.scorer.apply(tp.partition, fetched, after_gap=True)
        if fresh:
            self.app.scorer.applied(tp.partition, fetched[-fresh:])
        self._read_offset[tp] = fetched[-1].offset
        await asyncio.sleep(0)

    async def _must_not_be_lost(self, tp: TP, offset: int) -> None:
        """Offsets may be without a record, as where a producer's transaction ended; they may not be forgotten.

        Raises InvariantBroken if the log does not go back to `offset`, and so no score can be right.
        """
        earliest = (await self.earliest_offsets(tp))[tp]
        if earliest > offset:
            raise InvariantBroken(f"{tp.topic}/{tp.partition} begins at {earliest}, the store needs {offset}")

    async def _lead_back(self) -> None:
        """Seek where a position has run ahead to what was applied."""
        offsets = {tp: self.app.scorer.offset(tp.partition) for tp in self._astray & self.assignment()}
        self._astray.clear()
        positions = {tp: offset for tp, offset in offsets.items() if offset is not None}
        if positions:
            log.info("leading back", offsets={tp.partition: offset for tp, offset in positions.items()})
            await self.seek_wait(positions)
            self._led_back |= positions


def _is_little(records: Mapping[TP, Sequence[Any]]) -> bool:
    """Whether something was fetched, and little of each partition."""
    return bool(records) and max(map(len, records.values())) < SMALL_RECORDS


class BulkTransport(driver.Transport):
    """Kafka by aiokafka, with the bulk consumer."""

    Consumer = BulkConsumer


def create_app(settings: Settings) -> ScoringApp:
    """The worker of `settings`, not yet started."""
    broker = ";".join(f"kafka://{server}" for server in settings.kafka.split(","))
    app = ScoringApp(
        f"{settings.namespace}.scoring{settings.suffix}",
        broker=broker,
        broker_credentials=_credentials(settings),
        broker_max_poll_records=RECORDS_MAX,
        consumer_max_fetch_size=FETCH_BYTES_MAX,
        broker_session_timeout=SESSION_TIMEOUT_S,
        broker_heartbeat_interval=SESSION_TIMEOUT_S / 4,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=settings.worker or None,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        store="memory://",
        datadir=settings.scoring / "faust",
    )
    transport = BulkTransport(app.conf.broker_consumer, app)
    app.transport = transport
    app.scorer = Scorer(settings, load(settings.model))
    app.topics.add(app.topic(settings.topics.activity, value_type=bytes, key_type=bytes, internal=False))

    async def close(_app: Any, revoked: set[TP], **_: Any) -> None:
        await app.scorer.close({tp.partition for tp in revoked})

    app.on_partitions_revoked.connect(close)  # type: ignore[arg-type]  # its stub wants an unnamed parameter

    @app.task  # type: ignore[untyped-decorator]
    async def answer(_app: Any) -> None:
        await app.scorer.answer_until(lambda: app.should_stop)

    @app.task  # type: ignore[untyped-decorator]
    async def publish(_app: Any) -> None:
        await app.scorer.publish_until(lambda: app.should_stop)

    @app.task  # type: ignore[untyped-decorator]
    async def snapshot(_app: Any) -> None:
        await app.scorer.snapshot_until(lambda: app.should_stop)

    return app


def _credentials(settings: Settings) -> Any:
    if "SASL" in settings.kafka_security:
        return faust.SASLCredentials(
            mechanism=settings.kafka_sasl_mechanism,
            username=settings.kafka_sasl_user,
            password=settings.kafka_sasl_password,
            ssl_context=settings.ssl_context() if "SSL" in settings.kafka_security.split("_") else None,
        )
    if settings.kafka_security == "SSL":
        return faust.SSLCredentials(context=settings.ssl_context())
    return None
