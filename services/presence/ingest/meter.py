"""Tells the metrics what a runner has done, a few times a second, from counts that it keeps anyway."""

from collections.abc import Iterable
from typing import Protocol

from prometheus_client import Counter

from presence.events.vocabulary import Network
from presence.ingest.delivery import Delivery
from presence.ingest.watermark import Watermark
from presence.log import metrics
from presence.log.clock import now_ms
from presence.log.metrics import Outcome, Recorded
from presence.roster.registry import Registry


class Told(Protocol):
    """What a meter reads; see runner.Counts."""

    read: int
    used: int
    dlq: int
    events: int
    undo: int
    gauges: int
    known: int

    @property
    def skipped(self) -> dict[str, int]: ...
    @property
    def reasons(self) -> dict[str, int]: ...


class Meter:
    """Of one network. What it has told is counted once, however often it is asked."""

    def __init__(
        self, network: Network, delivery: Delivery, watermark: Watermark, registry: Registry
    ) -> None:
        self._network = str(network)
        self._delivery = delivery
        self._watermark = watermark
        self._registry = registry
        self._before: dict[tuple[Counter, str], int] = {}
        self._read = 0
        for outcome in Outcome:
            metrics.INGEST_FRAMES.labels(self._network, outcome)  # A rate needs the zero that it began with.

    def tell(self, counts: Told) -> None:
        """Add what has come since the last time."""
        for metric, label, total in _totals(counts):
            more = total - self._before.get((metric, label), 0)
            if more > 0:
                metric.labels(self._network, label).inc(more)
                self._before[metric, label] = total
        if counts.read > self._read:
            self._read = counts.read
            metrics.INGEST_LAST_FRAME.labels(self._network).set(now_ms() / 1000)
        metrics.INGEST_IN_FLIGHT.labels(self._network).set(self._delivery.in_flight)
        metrics.INGEST_STALLED.labels(self._network).set(self._delivery.stalled_s())
        metrics.INGEST_PEOPLE.labels(self._network).set(len(self._registry))
        if self._watermark.newest_ms:
            metrics.INGEST_WATERMARK.labels(self._network).set(self._watermark.newest_ms / 1000)


def _totals(counts: Told) -> Iterable[tuple[Counter, str, int]]:
    yield metrics.INGEST_FRAMES, Outcome.USED, counts.used
    yield metrics.INGEST_FRAMES, Outcome.SKIPPED, sum(counts.skipped.values())
    yield metrics.INGEST_FRAMES, Outcome.REFUSED, counts.dlq
    yield metrics.INGEST_RECORDS, Recorded.EVENT, counts.events
    yield metrics.INGEST_RECORDS, Recorded.UNDO, counts.undo
    yield metrics.INGEST_RECORDS, Recorded.GAUGE, counts.gauges
    yield metrics.INGEST_RECORDS, Recorded.KNOWN, counts.known
    for reason, total in counts.skipped.items():
        yield metrics.INGEST_SKIPPED, reason, total
    for reason, total in counts.reasons.items():
        yield metrics.INGEST_DEAD_LETTERS, reason, total
