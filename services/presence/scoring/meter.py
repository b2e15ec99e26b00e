"""Tells the metrics how scoring stands. All of it is per batch or per publication, and none of it is read by scoring."""

import time
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from presence.log import metrics
from presence.log.clock import now_ms
from presence.log.metrics import Step
from presence.model.spec import Model

NOTED_MAX = 4_096
"""Batches of a partition whose scores are not out; what is forgotten is not measured."""
LOOKED_S = 2.0
"""A worker that has not looked for so long is behind: it waits for records for half of it."""


class Written(Protocol):
    """A record as the broker has it: `timestamp` is when its writer sent it, ms."""

    timestamp: int


@contextmanager
def timed(step: Step) -> Iterator[None]:
    """Measure the block as one `step`; one that fails is measured, too."""
    with metrics.SCORING_STEP.labels(step).time():
        yield


@dataclass(slots=True)
class _Tracked:
    """One open partition. `target`: where the log ended when it was opened; None once that is reached."""

    begin: int
    target: int | None
    lag: int
    oldest_ms: int
    """Since when the first record that is not folded has been in the log, or somewhat before."""
    noted: "OrderedDict[int, int]" = field(default_factory=OrderedDict)
    """By number of a change: when the oldest record of its batch was written."""


class Meter:
    """Of one worker. Called from its event loop; read by the thread that serves the metrics."""

    def __init__(self, model: Model, variant: str) -> None:
        metrics.SCORING_MODEL.labels(model.name, model.hash, variant).set(1)
        self._tracked: dict[int, _Tracked] = {}
        self._looked_s = time.monotonic()

    def opened(self, number: int, offset: int, end: int) -> None:
        """A partition goes on from `offset`, of a log that ends at `end`."""
        target = end if end > offset else None
        self._tracked[number] = _Tracked(offset, target, end - offset, now_ms())
        metrics.SCORING_RESTORED.labels(number).set(0 if target else 1)
        self.kept(number)
        metrics.SCORING_LAG_RECORDS.labels(number).set(end - offset)
        metrics.SCORING_LAG_SECONDS.labels(number).set_function(lambda: self._lag_s(number))

    def closed(self, number: int) -> None:
        """The partition is another worker's: it is told of no more."""
        if self._tracked.pop(number, None) is not None:
            for gauge in (
                metrics.SCORING_LAG_RECORDS,
                metrics.SCORING_LAG_SECONDS,
                metrics.SCORING_RESTORED,
                metrics.SCORING_UNPUBLISHED,
                metrics.SCORING_SNAPSHOT,
            ):
                gauge.remove(number)

    def looked(self, ends: Mapping[int, int | None], offsets: Mapping[int, int]) -> None:
        """The worker has folded what it was given: by partition where the log ends, and the next offset."""
        self._looked_s = time.monotonic()
        for number, tracked in self._tracked.items():
            end = ends.get(number)
            if end is not None and number in offsets:
                tracked.lag = max(0, end - offsets[number])
                metrics.SCORING_LAG_RECORDS.labels(number).set(tracked.lag)

    def applied(self, number: int, records: Sequence[Written], offset: int, change: int) -> None:
        """These are folded, up to `offset`, and are known as `change`."""
        metrics.SCORING_BATCH.observe(len(records))
        metrics.SCORING_EVENTS.labels(number).inc(len(records))
        tracked = self._tracked.get(number)
        if tracked is None:
            return
        tracked.oldest_ms = records[-1].timestamp
        if tracked.target is None:
            tracked.noted[change] = records[0].timestamp
            if len(tracked.noted) > NOTED_MAX:
                tracked.noted.popitem(last=False)
            return
        share = (offset - tracked.begin) / (tracked.target - tracked.begin)
        metrics.SCORING_RESTORED.labels(number).set(min(1.0, share))
        if offset >= tracked.target:
            tracked.target = None

    def observed_ms(self, number: int, changes: Mapping[str, int]) -> int | None:
        """When the oldest record behind these changes was written; None if that is not known."""
        noted = self._tracked[number].noted if number in self._tracked else {}
        known = [noted[change] for change in set(changes.values()) if change in noted]
        return min(known, default=None)

    def published(
        self, number: int, changes: Mapping[str, int], reasons: Mapping[str, int], unpublished: int
    ) -> None:
        """Scores are out, each as of a change; `reasons`: how many dead letters went with them, by why."""
        metrics.SCORING_SCORES.labels(number).inc(len(changes))
        metrics.SCORING_UNPUBLISHED.labels(number).set(unpublished)
        for reason, letters in reasons.items():
            metrics.SCORING_DEAD_LETTERS.labels(reason).inc(letters)
        tracked = self._tracked.get(number)
        if tracked is None or not tracked.noted:
            return
        at_ms = now_ms()
        scores = Counter(changes.values())
        for change, weight in scores.items():
            written_ms = tracked.noted.get(change)
            if written_ms is not None:
                metrics.SCORING_FRESH.observe(max(0, at_ms - written_ms) / 1000, weight)
        if not unpublished:
            tracked.noted.clear()

    def kept(self, number: int) -> None:
        """A snapshot is as new as the partition's state, or was a moment ago."""
        if number in self._tracked:
            metrics.SCORING_SNAPSHOT.labels(number).set(now_ms() / 1000)

    def _lag_s(self, number: int) -> float:
        tracked = self._tracked.get(number)
        idle_s = time.monotonic() - self._looked_s
        idle_s = idle_s if idle_s > LOOKED_S else 0.0
        if tracked is None or not tracked.lag:
            return idle_s
        return max(idle_s, (now_ms() - tracked.oldest_ms) / 1000)
