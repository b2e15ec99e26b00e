"""From events to state: addition, newest-wins and a ledger, so that order and repeats change nothing."""

from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import polars as pl

from presence.events.vocabulary import Kind
from presence.model import frames, people
from presence.model.coding import Names
from presence.model.counts import activities, add
from presence.model.ledger import enter
from presence.model.signals import entries, signal_table, signals_of
from presence.model.spec import Model
from presence.model.state import KEYS, State
from presence.model.unlink import unlink

_KIND = MappingProxyType({"kind": "person_kind", "kind_observed_ms": "observed_ms", "kind_id": "id"})
_ASSOCIATES = MappingProxyType(
    {
        "associates_mean": "mean",
        "associates_number": "number",
        "associates_observed_ms": "observed_ms",
        "associates_id": "id",
    }
)


@dataclass(frozen=True)
class Folded:
    """The new state, and what a store must delete besides: ledger rows that were not loaded.

    `unlinked`: accounts (person, network, account) whose ledger rows are dropped but those `undone`.
    `erased`: people of whom everything but the people row is dropped. `ignored`: activities that no
    signal of the model names.
    """

    state: State
    unlinked: pl.DataFrame
    erased: pl.Series
    ignored: int


def fold(state: State, events: pl.DataFrame, model: Model) -> Folded:
    """The state after `events`, a frame of the columns EVENTS in log order, all of one partition.

    `state` may be partial: all rows of the people in the batch, and of the ledger those ids that the batch
    names as `id` or `ref_id`. Any order, batching and repetition of the same events gives the same state,
    but for UNLINKED and ERASED, which act on what is before them in the log. Of the model only the signals
    matter here. Source: scoring model, section 2.
    """
    state = for_everybody(state, events)
    events = frames.kept(events, (events["person"] != "").to_numpy())
    names = Names.of(state, events)
    folded = fold_coded(names.encode_state(state), names.encode(events), len(names.people.names), model)
    return Folded(
        names.decode_state(folded.state),
        names.decode(folded.unlinked),
        names.people.decode(folded.erased),
        folded.ignored,
    )


def for_everybody(state: State, events: pl.DataFrame) -> State:
    """The state with the newest clock and watermarks of `events`; nothing else of them counts."""
    clock_ms = max([state.clock_ms, *_of(events, Kind.CLOCK)["observed_ms"]])
    watermarks = dict(state.watermarks)
    news = _of(events, Kind.WATERMARK)
    for network, complete_ms in zip(
        *(news[name].to_list() for name in ("network", "complete_ms")), strict=True
    ):
        watermarks[network] = max(complete_ms, watermarks.get(network, complete_ms))
    return replace(state, clock_ms=clock_ms, watermarks=dict(sorted(watermarks.items())))


def fold_coded(state: State, events: pl.DataFrame, people_number: int, model: Model) -> Folded:
    """What `fold` does, where every person is a number below `people_number` and every network one, too.

    The numbers are UInt32 and sort as the names do; network 0 has no name. All `events` are about somebody, and
    the new state has a row of everybody.
    """
    rows = people.spread(state.people, people_number)
    erased = pl.Series("person", np.unique(_of(events, Kind.ERASED)["person"].to_numpy()))
    state, events = _without_erased(state, events, rows, erased)
    ignored = int((signals_of(_of(events, Kind.ACTIVITY), signal_table(model)) == 0).sum())
    people.see(rows, events)
    state, events, unlinked = unlink(state, events)
    state = _with(state, events, rows, model)
    return Folded(replace(state, people=people.gathered(rows)), unlinked, erased, ignored)


def _of(events: pl.DataFrame, kind: Kind) -> pl.DataFrame:
    chosen = events["kind"].to_numpy() == int(kind)
    return frames.kept(events, chosen) if chosen.any() else events.clear()


def _without_erased(
    state: State, events: pl.DataFrame, rows: people.Columns, erased: pl.Series
) -> tuple[State, pl.DataFrame]:
    """State and events of all but the erased, now or before; their people rows are marked and emptied."""
    people.erase(rows, erased.to_numpy())
    there = ~rows["erased"].astype(np.bool_)
    if there.all():
        return state, events
    kept = state.mapped(lambda _table, rows: frames.kept(rows, there[rows["person"].to_numpy()]))
    return kept, frames.kept(events, there[events["person"].to_numpy()])


def _with(state: State, events: pl.DataFrame, rows: people.Columns, model: Model) -> State:
    """The coded state after coded events; of the people, `rows` are changed in place."""
    people.settle(rows, _of(events, Kind.ENROLLED), _KIND, "kind_observed_ms")
    people.settle(rows, _of(events, Kind.ASSOCIATES), _ASSOCIATES, "associates_observed_ms")
    acts = entries(_of(events, Kind.ACTIVITY), signal_table(model))
    undo = _of(events, Kind.UNDO)
    undos = pl.DataFrame([undo["person"], undo["ref_id"].alias("id")])
    entered = enter(state.ledger, acts, undos)
    counts = add(state.counts, entered.change, signal_table(model))
    people.count(rows, activities(counts))
    return replace(
        state,
        counts=counts,
        gauges=people.newest(state.gauges, _of(events, Kind.GAUGE), KEYS["gauges"]),
        flags=people.newest(state.flags, _of(events, Kind.FLAG), KEYS["flags"]),
        ledger=entered.ledger,
    )
