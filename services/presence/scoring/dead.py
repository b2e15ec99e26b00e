"""What could not be read from the log."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record of the log that did not pass the door: where, why, and its bytes (bounded)."""

    offset: int
    reason: str
    value: bytes
