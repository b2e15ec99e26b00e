"""How often each caller may call: a token bucket per caller, which holds a second's worth of calls."""

import math
from collections import OrderedDict

from presence.gateway.scopes import CallerId

BUCKETS_MAX = 100_000
"""Callers remembered, those of the last calls; who is forgotten begins with a full bucket again."""


class Rates:
    """The buckets of one process."""

    def __init__(self, buckets_max: int = BUCKETS_MAX) -> None:
        self._buckets_max = buckets_max
        self._buckets: OrderedDict[CallerId, tuple[float, float]] = OrderedDict()

    def wait_s(self, caller: CallerId, calls_per_s_max: float, now_s: float) -> float:
        """Take one call from the bucket and return 0.0; or, if it is empty, how long until there is one.

        >>> rates = Rates()
        >>> [rates.wait_s(CallerId("a"), 2.0, now_s) for now_s in (0.0, 0.0, 0.0, 0.5)]
        [0.0, 0.0, 0.5, 0.0]
        """
        full = max(1.0, calls_per_s_max)
        left, then_s = self._buckets.get(caller, (full, now_s))
        left = min(full, left + (now_s - then_s) * calls_per_s_max)
        wait_s = 0.0 if left >= 1.0 else (1.0 - left) / calls_per_s_max
        self._buckets[caller] = (left if wait_s else left - 1.0), now_s
        self._buckets.move_to_end(caller)
        if len(self._buckets) > self._buckets_max:
            self._buckets.popitem(last=False)
        assert math.isfinite(wait_s)
        return wait_s
