"""How long to wait before the next try."""

import random


class Backoff:
    """Exponential with full jitter, so that many clients that lost one server do not come back as one.

    The wait before try n is random between 0 and min(`longest_s`, `first_s` * 2**n).
    Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    def __init__(self, *, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self.failures = 0

    def failed(self) -> float:
        """Count one more failure; the seconds to wait, 0 to `longest_s`."""
        ceiling_s = min(self._longest_s, self._first_s * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return random.uniform(0, ceiling_s)  # noqa: S311 (spreads load, guards nothing)

    def succeeded(self) -> None:
        self.failures = 0
