"""Why a score is what it is, and why it changed: put together from published scores, whose waterfalls add up exactly."""

from collections import Counter
from collections.abc import Iterable
from itertools import accumulate

from presence.v1.score_pb2 import Score, WaterfallEntry
from presence.v1.service_pb2 import Reason, ScoreChange

LAST = ("clip", "conduct")
"""Entries that act on the sum of the others."""

Key = tuple[str, str, int]


def reasons(score: Score) -> list[Reason]:
    """The score's waterfall, the greatest entry first and LAST last, each with the sum up to it."""
    rows = sorted(score.waterfall, key=lambda row: (*_late(row), -row.millipoints, *_key(row)))
    running = accumulate(row.millipoints for row in rows)
    return [Reason(entry=row, running_millipoints=total) for row, total in zip(rows, running, strict=True)]


def change(day: str, before: Score, now: Score) -> ScoreChange:
    """What each entry gained or lost since `before`, the closing score of `day`, or of a revision if that is empty."""
    gained: Counter[Key] = Counter()
    for row in now.waterfall:
        gained[_key(row)] += row.millipoints
    for row in before.waterfall:
        gained[_key(row)] -= row.millipoints
    entries = [
        WaterfallEntry(entry=entry, network=network, account=account, millipoints=millipoints)
        for (entry, network, account), millipoints in gained.items()
        if millipoints
    ]
    return ScoreChange(
        day=day,
        presence_millipoints=before.presence_millipoints,
        revision=before.revision,
        entries=sorted(entries, key=lambda row: (-abs(row.millipoints), *_key(row))),
        events=now.events - before.events,
    )


def total(rows: Iterable[WaterfallEntry]) -> int:
    """What entries add up to, millipoints."""
    return sum(row.millipoints for row in rows)


def _late(row: WaterfallEntry) -> tuple[bool, int]:
    return row.entry in LAST, LAST.index(row.entry) if row.entry in LAST else 0


def _key(row: WaterfallEntry) -> Key:
    return row.entry, row.network, row.account
