"""What a start is doing right now, for a progress bar or a log line."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Step(Enum):
    """The steps of a start, in order. One that has nothing to do is not reported."""

    DOWNLOAD = "download"
    FORMAT = "format"
    LAUNCH = "launch"
    READY = "ready"


@dataclass(frozen=True, slots=True)
class Progress:
    """`detail` is a short text for people. The byte counts are those of the whole download and 0 in other steps."""

    step: Step
    detail: str
    bytes_done: int = 0
    bytes_total: int = 0


ProgressListener = Callable[[Progress], None]


def ignore(_: Progress) -> None:
    """The listener of those who do not care."""
