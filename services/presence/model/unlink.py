"""UNLINKED: an account is taken out, and what comes later in the log counts anew."""

from dataclasses import replace

import polars as pl

from presence.events.vocabulary import Kind
from presence.model import frames
from presence.model.state import State

_ACCOUNT = ["person", "network", "account"]


def unlink(state: State, events: pl.DataFrame) -> tuple[State, pl.DataFrame, pl.DataFrame]:
    """State and events without what the batch's UNLINKED records drop, and the accounts they drop.

    An account loses its counts, its gauges, its ledger rows but those `undone`, and its acts and gauges
    that stand before its last UNLINKED in the batch. Undos are kept wherever they stand: an act that was
    undone before or after its account went stays undone. People and networks are coded.
    """
    if not (events["kind"].to_numpy() == int(Kind.UNLINKED)).any():
        return state, events, frames.only(events.clear(), _ACCOUNT)
    where = pl.col("kind") == int(Kind.UNLINKED)
    events = events.with_row_index("position")
    last = events.filter(where).group_by(_ACCOUNT).agg(last=pl.col("position").max()).sort(_ACCOUNT)
    counted = pl.col("kind").is_in([int(Kind.ACTIVITY), int(Kind.GAUGE)])
    before = counted & (pl.col("position") < pl.col("last")).fill_null(value=False)
    events = events.join(last, on=_ACCOUNT, how="left", maintain_order="left").filter(~before)
    accounts = last.select(_ACCOUNT)
    standing = state.ledger.filter(~pl.col("undone")).join(
        accounts, on=_ACCOUNT, how="anti", maintain_order="left"
    )
    state = replace(
        state,
        counts=state.counts.join(accounts, on=_ACCOUNT, how="anti", maintain_order="left"),
        gauges=state.gauges.join(accounts, on=_ACCOUNT, how="anti", maintain_order="left"),
        ledger=pl.concat([standing, state.ledger.filter("undone")]).sort("person", "id"),
    )
    return state, events.drop("position", "last"), accounts
