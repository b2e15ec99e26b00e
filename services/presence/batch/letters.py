"""What a partition has to send besides scores: dead letters, the closing scores of a day, and reasons."""

from enum import IntEnum

import msgspec


class Topic(IntEnum):
    DLQ = 0
    HISTORY = 1
    REASONS = 2


class Letter(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One record to be sent.

    DLQ: `reason` why the record at `offset` was refused; its bytes stay where they are, and nowhere else. HISTORY: the serialised score of a
    person (`key`: `person/YYYY-MM-DD`) when the day ended at `time_ms`; empty: a tombstone.
    REASONS: the record of the log that decided a finding or the company of a person; empty: a tombstone.
    """

    topic: Topic
    key: bytes
    value: bytes
    reason: str = ""
    offset: int = 0
    time_ms: int = 0
