"""How many people score more: an exact count of any presence in a fixed number of steps, kept in LMDB.

A presence is 0 to 100_000 millipoints, so nobody need be sorted. People are counted in a tree of three levels with 64
counters to a block: a leaf counts one presence, a counter above it a block below. One more person with a presence is one
counter more on each level; how many have more is a sum of at most 63 counters on each level. Both are O(log n) in the number of
possible values, whoever many people there are. Nothing has to be built at a start, and it changes with the scores in one
transaction.
"""

import struct
from collections.abc import Callable, Mapping

from presence.gateway.rows import PRESENCE_MAX

FANOUT = 64
LEVELS = 3
assert FANOUT**LEVELS > PRESENCE_MAX
_COUNTERS = struct.Struct(f">{FANOUT}I")
_KEY = struct.Struct(">BBH")
_ZEROS = (0,) * FANOUT

Block = Callable[[bytes], bytes | memoryview | None]
"""The stored block of a key, None for one of zeros."""


class Recount:
    """Changes of one transaction; each block is read and written once, however many people change."""

    def __init__(self, stored: Block) -> None:
        self._stored = stored
        self._blocks: dict[bytes, list[int]] = {}

    def add(self, kind: int, presence: int, people: int) -> None:
        """Count `people` more (or less) of that kind with that presence."""
        index = presence
        for level in range(LEVELS):
            block, place = divmod(index, FANOUT)
            key = _KEY.pack(kind, level, block)
            if key not in self._blocks:
                self._blocks[key] = list(_counters(self._stored(key)))
            self._blocks[key][place] += people
            index = block

    def blocks(self) -> Mapping[bytes, bytes]:
        """What to store, by key."""
        return {key: _COUNTERS.pack(*counters) for key, counters in self._blocks.items()}


def above(stored: Block, kind: int, presence: int) -> int:
    """How many people of that kind score more than `presence`."""
    found, index = 0, presence
    for level in range(LEVELS):
        block, place = divmod(index, FANOUT)
        found += sum(_counters(stored(_KEY.pack(kind, level, block)))[place + 1 :])
        index = block
    return found


def equal(stored: Block, kind: int, presence: int) -> int:
    """How many people of that kind have exactly this presence."""
    block, place = divmod(presence, FANOUT)
    return _counters(stored(_KEY.pack(kind, 0, block)))[place]


def total(stored: Block, kind: int) -> int:
    """How many people of that kind there are."""
    return sum(_counters(stored(_KEY.pack(kind, LEVELS - 1, 0))))


def _counters(block: bytes | memoryview | None) -> tuple[int, ...]:
    return _ZEROS if block is None else _COUNTERS.unpack(block)
