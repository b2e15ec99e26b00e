"""A Prometheus histogram of which many equal observations are one call: prometheus-client's takes one at a time."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class WeightedHistogram(Collector):
    """Without labels; safe to observe and to collect from different threads."""

    def __init__(
        self, name: str, means: str, bounds: Sequence[float], registry: CollectorRegistry | None
    ) -> None:
        """`bounds`: rising, inclusive, the infinite one left out."""
        self._name, self._means = name, means
        self._bounds = [*bounds, float("inf")]
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
        self._lock = threading.Lock()
        if registry is not None:
            registry.register(self)

    def observe(self, value: float, weight: int = 1) -> None:
        """`weight` observations of `value`."""
        with self._lock:
            self._counts[bisect_left(self._bounds, value)] += weight
            self._sum += value * weight

    def describe(self) -> Iterable[Metric]:
        return [HistogramMetricFamily(self._name, self._means)]

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            counts, total = list(self._counts), self._sum
        cumulated, buckets = 0, []
        for bound, count in zip(self._bounds, counts, strict=True):
            cumulated += count
            buckets.append((floatToGoString(bound), float(cumulated)))  # type: ignore[no-untyped-call]
        return [HistogramMetricFamily(self._name, self._means, buckets=buckets, sum_value=total)]
