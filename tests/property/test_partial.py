"""A store that hands the fold only what a batch may touch ends with the state of a fold of everything."""

import random
from collections.abc import Sequence
from dataclasses import replace

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.histories import histories

from presence.events.vocabulary import Event
from presence.model.columns import frame
from presence.model.fold import Folded, fold
from presence.model.spec import load
from presence.model.state import State

MODEL = load()
ACCOUNT = ["person", "network", "account"]
BY_PERSON = ("people", "counts", "gauges", "flags")


def part_of(whole: State, batch: pl.DataFrame) -> State:
    """All rows of the people of a batch, and of their ledger the ids that the batch names."""
    people = batch["person"].unique().implode()
    ids = pl.concat([batch.select("person", "id"), batch.select("person", id="ref_id")]).unique()
    tables = {table: getattr(whole, table).filter(pl.col("person").is_in(people)) for table in BY_PERSON}
    return replace(
        whole, **tables, ledger=whole.ledger.join(ids, on=["person", "id"], how="semi")
    ).canonical()


def written_back(whole: State, part: State, folded: Folded) -> State:
    """The whole after a store replaced the rows that it had loaded and deleted what it was told to."""
    left = folded.state
    people = pl.concat([part.people["person"], left.people["person"]]).unique().implode()
    tables = {}
    for table in BY_PERSON:
        others = getattr(whole, table).filter(~pl.col("person").is_in(people))
        tables[table] = pl.concat([others, getattr(left, table)])
    ledger = whole.ledger.join(part.ledger, on=["person", "id"], how="anti")
    ledger = ledger.filter(~pl.col("person").is_in(folded.erased.implode()))
    ledger = pl.concat(
        [
            ledger.filter("undone"),
            ledger.filter(~pl.col("undone")).join(folded.unlinked, on=ACCOUNT, how="anti"),
        ]
    )
    return replace(left, **tables, ledger=pl.concat([ledger, left.ledger])).canonical()


def stored(events: Sequence[Event], chance: random.Random) -> State:
    whole, start = State.empty(), 0
    while start < len(events):
        end = start + chance.randrange(1, 12)
        batch = frame(events[start:end])
        part = part_of(whole, batch)
        whole = written_back(whole, part, fold(part, batch, MODEL))
        start = end
    return whole


@settings(max_examples=settings().max_examples // 5)
@given(events=histories(), seed=st.integers(0, 2**32))
def test_a_store_that_loads_only_what_a_batch_touches_ends_with_the_same_state(
    events: list[Event], seed: int
) -> None:
    whole = fold(State.empty(), frame(events), MODEL).state
    assert stored(events, random.Random(seed)).equals(whole)
