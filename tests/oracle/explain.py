"""Section 6 of the page: the waterfall of a score, and the change between two."""

from typing import NamedTuple

from tests.oracle import page
from tests.oracle.evaluate import Score, evaluate
from tests.oracle.fold import Account, Partition
from tests.oracle.quantity import clip

NOWHERE = Account("", 0)


class Key(NamedTuple):
    """What an entry of the waterfall is about; `account` is NOWHERE but for pillars."""

    name: str
    account: Account


Waterfall = dict[Key, int]
"""Millipoints by entry, in the page's order; entries of 0 are left out."""


def waterfall(score: Score) -> Waterfall:
    entries: Waterfall = {}
    for pillar in page.PILLARS:
        counted = {one.account: one.logarithm for one in score.counted[pillar]}
        for account, millipoints in largest_remainder(score.millipoints[pillar], counted).items():
            entries[Key(pillar, account)] = millipoints
    clipped = clip(score.total, 0, 100_000)
    entries[Key("reviews", NOWHERE)] = score.reviews
    entries[Key("associates", NOWHERE)] = score.associates
    entries[Key("clip", NOWHERE)] = clipped - score.total
    entries[Key("conduct", NOWHERE)] = score.presence - clipped
    return {key: millipoints for key, millipoints in entries.items() if millipoints}


def largest_remainder(millipoints: int, parts: dict[Account, int]) -> dict[Account, int]:
    """`millipoints` shared in proportion to `parts`; ties go to the smaller key."""
    whole = sum(parts.values())
    if not whole:
        return {}
    shared = {account: millipoints * part // whole for account, part in parts.items()}
    rest = {account: millipoints * part % whole for account, part in parts.items()}
    left = millipoints - sum(shared.values())
    for account in sorted(parts, key=lambda one: (-rest[one], one))[:left]:
        shared[account] += 1
    return shared


def difference(new: Waterfall, old: Waterfall) -> Waterfall:
    moved = {key: new.get(key, 0) - old.get(key, 0) for key in {**old, **new}}
    return {key: millipoints for key, millipoints in moved.items() if millipoints}


class Change(NamedTuple):
    decay: Waterfall
    events: Waterfall


def change(old: Partition, new: Partition, name: str, old_as_of_ms: int, new_as_of_ms: int) -> Change:
    """Why `name`'s score of `old` became that of `new`: by time alone, and by what happened.

    Whoever was not there yet, or is erased, has an empty waterfall.
    """
    old_at_the_new_day = Partition(old.people, new.clock_ms, new.watermarks)
    before = _waterfall_of(old, name, old_as_of_ms)
    aged = _waterfall_of(old_at_the_new_day, name, new_as_of_ms)
    after = _waterfall_of(new, name, new_as_of_ms)
    return Change(decay=difference(aged, before), events=difference(after, aged))


def _waterfall_of(partition: Partition, name: str, as_of_ms: int) -> Waterfall:
    if name not in partition.people:
        return {}
    score = evaluate(partition, name, as_of_ms)
    return waterfall(score) if score else {}
