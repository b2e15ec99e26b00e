"""The counts: sums of amounts by account, signal, slot and week."""

import polars as pl

from presence.model.signals import SignalTable
from presence.model.state import COUNTS, EVENTS_CODE, KEYS

_KEYS = list(KEYS["counts"])
_ACCOUNT = ["person", "network", "account"]


def add(counts: pl.DataFrame, change: pl.DataFrame, table: SignalTable) -> pl.DataFrame:
    """`counts` with a change of the ledger (its rows with `sign`) brought in, sorted; rows of 0 are dropped.

    Next to its amount an act adds its stars to the signal that the model names, and one to the count of
    the account's activities.
    """
    if change.is_empty():
        return counts
    sign = pl.col("sign")
    cells = change.group_by(_KEYS).agg(
        sign.sum(), amount=(sign * pl.col("amount")).sum(), stars=(sign * pl.col("stars")).sum()
    )
    stars = cells.filter(pl.col("stars") != 0)
    stars = stars.with_columns(
        signal=pl.Series(table.stars_to[stars["signal"].to_numpy()]), amount=pl.col("stars")
    )
    events = (
        cells.group_by(_ACCOUNT)
        .agg(amount=sign.sum())
        .with_columns(
            signal=pl.lit(EVENTS_CODE, pl.UInt8), slot=pl.lit(0, pl.UInt8), week=pl.lit(0, pl.Int32)
        )
    )
    parts = [counts, *(part.select(list(COUNTS)) for part in (cells, stars, events))]
    total = pl.concat(parts).group_by(_KEYS).agg(pl.col("amount").sum())
    return total.filter(pl.col("amount") != 0).sort(_KEYS)


def activities(counts: pl.DataFrame) -> pl.DataFrame:
    """How many activities of each person stand, from the counts: columns person, events."""
    rows = counts.filter(pl.col("signal") == EVENTS_CODE)
    return rows.group_by("person").agg(events=pl.col("amount").sum())
