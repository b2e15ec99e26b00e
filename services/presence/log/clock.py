"""The one place where a wall clock is read."""

import time


def now_ms() -> int:
    """Milliseconds since 1970-01-01T00:00Z, by this machine's clock."""
    return time.time_ns() // 1_000_000
