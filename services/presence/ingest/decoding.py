"""What every decoder of JSON has in common: whatever is wrong with the bytes is the source's fault, told in one word."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from presence.events.door import FUTURE_MS_MAX, OCCURRED_MS_MIN
from presence.events.errors import InvalidEvent

REF_CHARS_MAX = 2_000
"""Far beyond a network's own links; what is longer would not fit into the log."""
T = TypeVar("T")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def guarded() -> Iterator[None]:
    """Raises InvalidEvent instead of what msgspec and int() raise: `shape`, `json`, `nesting`."""
    try:
        yield
    except msgspec.ValidationError as error:
        raise InvalidEvent("shape") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise InvalidEvent("json") from error
    except RecursionError as error:
        raise InvalidEvent("nesting") from error
    except ValueError as error:  # Text that should be a number.
        raise InvalidEvent("shape") from error


def required(value: T | None) -> T:
    """`value`. Raises InvalidEvent with `shape` if it is None, empty or 0."""
    if not value:
        raise InvalidEvent("shape")
    return value


def iso_millis(text: str, observed_ms: int) -> int:
    """The time that `text` tells as ISO 8601, without a zone in UTC. Raises InvalidEvent with `time`."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidEvent("time") from error
    return millis(at, observed_ms)


def millis(at: datetime, observed_ms: int) -> int:
    """The time `at`, without a zone in UTC. Raises InvalidEvent with `time` if the log would not take it."""
    try:
        since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH
    except OverflowError as error:
        raise InvalidEvent("time") from error
    return in_range(since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000, observed_ms)


def in_range(at_ms: int, observed_ms: int) -> int:
    """The door's own range, looked at for every frame, so that it does not matter who of it is enrolled."""
    if not OCCURRED_MS_MIN <= at_ms <= observed_ms + FUTURE_MS_MAX:
        raise InvalidEvent("time")
    return at_ms
