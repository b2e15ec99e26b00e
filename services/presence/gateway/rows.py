"""What the read model keeps of one person: where the score came from, what it is ordered by, and its bytes."""

import struct
from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple, Self

from presence.events.errors import InvariantBroken
from presence.events.vocabulary import PersonId, PersonKind
from presence.gateway.wire import framed
from presence.log.revision import Revision, decode
from presence.v1.score_pb2 import Pillars, Score

COLUMNS = (
    "presence",
    "visibility",
    "reach",
    "resonance",
    "expertise",
    "voice",
    "upkeep",
    "inbound",
)
"""What people can be listed by; the first two in millipoints, the pillars in micro."""
KINDS = tuple(kind.value for kind in PersonKind)
"""A kind that a later version knows is none of them, and stands with the unspecified."""
PRESENCE = COLUMNS.index("presence")
PRESENCE_MAX = 100_000
PERSON_CHARS = 28
"""`p_` and 26 characters."""
FIGURE_MAX = 1_000_000
Figures = tuple[int, ...]
"""By column of COLUMNS."""
_HEAD = struct.Struct(f">IQIQB{len(COLUMNS)}IB")
"""The last byte says how long the frame is, which goes before the serialised score."""
HEAD_BYTES = _HEAD.size
_pillars: Callable[[Pillars], Figures] = attrgetter(*COLUMNS[2:])
_GONE = struct.Struct(">IQQ")


class Row(NamedTuple):
    """One person's newest score; `partition` and `offset` are those of its record in the topic of scores."""

    partition: int
    offset: int
    revision: Revision
    kind: int
    figures: Figures
    score: bytes

    def packed(self) -> bytes:
        """The row as the read model stores it."""
        frame = framed(self.score)
        where = (self.partition, self.offset, *self.revision)
        return _HEAD.pack(*where, self.kind, *self.figures, len(frame) - len(self.score)) + frame

    @classmethod
    def unpacked(cls, stored: bytes | memoryview) -> Self:
        """The row that `packed` wrote."""
        partition, offset, at, last, kind, *figures, _ = _HEAD.unpack_from(stored)
        return cls(partition, offset, Revision(at, last), kind, tuple(figures), score_of(stored))


def score_of(stored: bytes | memoryview) -> bytes:
    """The serialised Score of a stored row."""
    return bytes(stored[_HEAD.size + stored[_HEAD.size - 1] :])


def framed_of(stored: bytes | memoryview) -> bytes:
    """The serialised Score of a stored row, framed for an answer of many (see `wire`)."""
    return bytes(stored[_HEAD.size :])


def place_of(stored: bytes | memoryview) -> tuple[int, int]:
    """Partition and offset of a stored row."""
    partition, offset, *_ = _HEAD.unpack_from(stored)
    return partition, offset


class Gone(NamedTuple):
    """That somebody was erased, by the record at this place, read at that time."""

    partition: int
    offset: int
    read_ms: int

    def packed(self) -> bytes:
        """The tombstone as the read model stores it."""
        return _GONE.pack(*self)

    @classmethod
    def unpacked(cls, stored: bytes | memoryview) -> Self:
        """The tombstone that `packed` wrote."""
        return cls(*_GONE.unpack(stored))


class Change(NamedTuple):
    """One record of the topic of scores; `row` None: a tombstone."""

    partition: int
    offset: int
    person: PersonId
    row: Row | None


def row_of(partition: int, offset: int, score: Score, serialised: bytes) -> Row:
    """The row of a score at its place in the topic.

    Raises InvariantBroken if its revision is not one, or a figure is out of its range.
    """
    figures = (score.presence_millipoints, score.visibility_millipoints, *_pillars(score.pillars))
    if min(figures) < 0 or max(figures) > FIGURE_MAX or figures[PRESENCE] > PRESENCE_MAX:
        raise InvariantBroken(f"a figure out of its range: partition {partition}, offset {offset}")
    kind = score.kind if score.kind in KINDS else PersonKind.UNSPECIFIED
    return Row(partition, offset, decode(score.revision), kind, figures, serialised)
