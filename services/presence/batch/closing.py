"""The end of a day: the score that everybody had when its tick came, and what changed since.

A closing speaks of the state as it stood at the tick. It is made for each person before the first batch that
touches them after it, or by the sweep through everybody, whichever comes first; both give the same.
"""

from dataclasses import dataclass
from datetime import date, timedelta

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from presence.batch.letters import Letter, Topic
from presence.batch.tables import CLOSINGS, Packed
from presence.log.topics import DAY_MS

_EPOCH = date(1970, 1, 1)
DAYS_KEPT = 31
"""What the longest change needs."""
CHANGES_DAYS = (1, 7, 30)
DAYS_MAX = 2**16 - 1
"""As many closings of a person can be taken back: 179 years."""


class Day(msgspec.Struct, frozen=True):
    """The last day that ended: as days since 1970-01-01, by which tick, and what was known then."""

    day: int
    offset: int
    clock_ms: int
    watermarks: dict[str, int]


@dataclass(frozen=True, slots=True)
class Closed:
    """The closing presence, millipoints, of some people by position, and their serialised scores."""

    day: Day
    position: NDArray[np.intp]
    presence: NDArray[np.int64]
    values: list[bytes]


def still_open(packed: Packed, known: NDArray[np.bool_], day: Day) -> NDArray[np.bool_]:
    """Whose closing of `day` is to be made: who was there at its tick and has not been closed since."""
    header = packed.header
    open_: NDArray[np.bool_] = known & ~header["erased"] & (header["closed_day"] < day.day)
    return open_


def closed(packed: Packed, made: Closed) -> Packed:
    """The same people with a closing more; the oldest ones go."""
    header = packed.header.copy()
    at = made.position
    since = np.where(header["days"][at], header["days"][at] + made.day.day - header["closed_day"][at], 1)
    header["days"][at] = np.minimum(since, DAYS_MAX)
    header["closed_day"][at] = made.day.day
    new = np.zeros(len(made.position), dtype=CLOSINGS)
    new["day"], new["presence"] = made.day.day, made.presence
    rows = np.concatenate([packed.rows["closings"], new])
    owner = np.concatenate([packed.owners("closings"), made.position])
    kept = np.flatnonzero(rows["day"] > made.day.day - DAYS_KEPT)
    order = kept[np.argsort(owner[kept], kind="stable")]
    header["closings"] = np.bincount(owner[order], minlength=len(header))
    return Packed(header, {**packed.rows, "closings": rows[order]})


def days(packed: Packed, position: int) -> range:
    """Of which days somebody may have a closing score in the history topic."""
    header = packed.header[position]
    last = int(header["closed_day"])
    return range(last + 1 - int(header["days"]), last + 1)


def history_key(person: bytes, day: int) -> bytes:
    """The key of a closing in the history topic: the person, `/` and the day.

    >>> history_key(b"p_ada", 20_000)
    b'p_ada/2024-10-04'
    """
    return person + b"/" + (_EPOCH + timedelta(days=day)).isoformat().encode()


def changes(
    packed: Packed, position: NDArray[np.intp], presence: NDArray[np.int64], today: NDArray[np.int64]
) -> list[pl.Series]:
    """By CHANGES_DAYS what came since the closing so many days before `today`; null where there is none."""
    rows = packed.rows["closings"]
    keys = packed.owners("closings") << 32 | rows["day"]
    found = []
    for days in CHANGES_DAYS:
        wanted = position << 32 | today - days
        at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
        there = keys[at] == wanted if len(keys) else np.zeros(len(wanted), dtype=np.bool_)
        before = rows["presence"][at].astype(np.int64) if len(keys) else np.zeros(len(wanted), dtype=np.int64)
        found.append(pl.Series(pa.array(presence - before, mask=~there)))
    return found


def letters(people: pl.Series, made: Closed | None) -> list[Letter]:
    """Those to the history topic: the closing score of each person, under the person and the day."""
    if made is None:
        return []
    ended_ms = (made.day.day + 1) * DAY_MS
    return [
        Letter(Topic.HISTORY, history_key(person.encode(), made.day.day), value, time_ms=ended_ms)
        for person, value in zip(people.gather(made.position), made.values, strict=True)
    ]
