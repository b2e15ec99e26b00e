"""Why a score is what it is: entries that add up to it exactly. Section 6 of the scoring model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import polars as pl

from presence.model import frames
from presence.model.accounts import Accounts
from presence.model.runs import Index, Ints
from presence.model.spec import PILLARS
from presence.model.together import Together, portions

WHOLE = ("reviews", "associates", "clip", "conduct")
"""Entries that belong to no account, after the pillars."""
ENTRIES = (*PILLARS, *WHOLE)
WATERFALL = MappingProxyType(
    {
        "person": pl.String,
        "entry": pl.String,
        "network": pl.String,
        "account": pl.UInt64,
        "millipoints": pl.Int64,
    }
)


@dataclass(frozen=True)
class _Piece:
    """Millipoints of one entry: whose, and of which account (-1: none)."""

    entry: int
    person: Index
    account: Index
    millipoints: Ints


def frame(
    people: pl.Series,
    accounts: Accounts,
    joined: Mapping[str, Together],
    points: Mapping[str, Ints],
) -> pl.DataFrame:
    """The waterfalls of people. `points`: by entry, each person's millipoints; entries of 0 are left out."""
    pieces = [_pillar(number, accounts, joined[name], points[name]) for number, name in enumerate(PILLARS)]
    everybody = np.arange(len(people))
    nowhere = np.full(len(people), -1)
    pieces += [_Piece(ENTRIES.index(name), everybody, nowhere, points[name]) for name in WHOLE]
    return _table(people, accounts, [_nonzero(piece) for piece in pieces])


def _pillar(number: int, accounts: Accounts, together: Together, points: Ints) -> _Piece:
    person = accounts.person[together.counted]
    return _Piece(number, person, together.counted, portions(points, person, together))


def _nonzero(piece: _Piece) -> _Piece:
    kept = np.flatnonzero(piece.millipoints)
    return _Piece(piece.entry, piece.person[kept], piece.account[kept], piece.millipoints[kept])


def _table(people: pl.Series, accounts: Accounts, pieces: Sequence[_Piece]) -> pl.DataFrame:
    person = np.concatenate([piece.person for piece in pieces])
    order = np.argsort(person, kind="stable")
    account = np.concatenate([piece.account for piece in pieces])[order]
    entry = np.repeat([piece.entry for piece in pieces], [len(piece.person) for piece in pieces])[order]
    networks = pl.Series(["", *accounts.networks])
    columns = {
        "person": frames.taken(people, person[order]),
        "entry": frames.taken(pl.Series(ENTRIES), entry),
        "network": frames.taken(networks, np.append(accounts.network + 1, 0)[account]),
        "account": np.append(accounts.number, np.uint64(0))[account],
        "millipoints": np.concatenate([piece.millipoints for piece in pieces])[order],
    }
    return pl.DataFrame(columns, schema={**WATERFALL, "person": people.dtype})
