from collections.abc import Callable, Iterable
from dataclasses import replace

import polars as pl
import pytest

from presence.events.vocabulary import Event, Gauge, Kind, Severity
from presence.model.columns import frame
from presence.model.evaluate import evaluate
from presence.model.explain import change
from presence.model.simulate import decline, recovery, what_if
from presence.model.spec import Model
from presence.model.state import State

Make = Callable[..., Event]
Folding = Callable[[Iterable[Event]], State]
DAY_MS = 86_400_000


def presence(state: State, model: Model, as_of_ms: int | None = None) -> int:
    return int(evaluate(state, model, as_of_ms).people["presence"].sum())


def test_a_change_is_what_time_took_and_what_events_brought(
    act: Make, record: Make, folded: Folding, model: Model, *, now_ms: int
) -> None:
    old = folded([act(1), record(Kind.CLOCK, 0, person="")])
    later_ms = now_ms + 60 * DAY_MS
    new = folded([act(1), act(2, occurred_ms=later_ms, observed_ms=later_ms)])
    rows = change(old, new, model)
    assert rows["millipoints"].sum() == presence(new, model) - presence(old, model)
    causes = {cause: set(part["entry"]) for (cause,), part in rows.group_by("cause")}
    assert causes == {"decay": {"expertise", "voice", "upkeep"}, "events": {"expertise", "voice", "upkeep"}}
    signs = rows.group_by("cause").agg(pl.col("millipoints").sign().unique())
    assert dict(signs.iter_rows()) == {"decay": [-1], "events": [1]}
    aged = presence(old, model, later_ms) - presence(old, model)
    assert rows.filter(pl.col("cause") == "decay")["millipoints"].sum() == aged


def test_a_network_that_catches_up_ages_by_decay(
    act: Make, folded: Folding, model: Model, now_ms: int
) -> None:
    state = folded([act(1)])
    held = replace(state, clock_ms=now_ms + 90 * DAY_MS, watermarks={"linkedin": now_ms})
    caught_up = replace(held, watermarks={"linkedin": now_ms + 90 * DAY_MS})
    rows = change(held, caught_up, model)
    assert set(rows["cause"]) == {"decay"}
    assert rows["millipoints"].sum() == presence(caught_up, model) - presence(held, model) < 0


def test_the_first_score_is_all_events_and_nothing_is_no_change(
    act: Make, record: Make, folded: Folding, model: Model
) -> None:
    state = folded([act(1)])
    first = change(State.empty(), state, model)
    assert set(first["cause"]) == {"events"}
    assert first["millipoints"].sum() == presence(state, model)
    assert change(state, state, model).is_empty()
    erased = folded([act(1), record(Kind.ERASED, 2)])
    assert change(state, erased, model)["millipoints"].sum() == -presence(state, model)


def test_what_if_keeps_nothing_and_its_entries_add_up(
    act: Make, like: Make, folded: Folding, model: Model
) -> None:
    state = folded([act(1)])
    found = what_if(state, frame([like(2), like(3, person="p_new")]), model)
    assert set(found.change["cause"]) == {"events"}
    assert found.before.people["person"].to_list() == ["p_one"]
    assert found.after.people["person"].to_list() == ["p_new", "p_one"]
    gained = sum(found.after.people["presence"]) - sum(found.before.people["presence"])
    assert found.change["millipoints"].sum() == gained > 0
    assert state.equals(folded([act(1)]))


def test_decline_only_falls_even_where_a_source_is_down(
    act: Make, folded: Folding, model: Model, now_ms: int
) -> None:
    state = replace(folded([act(1)]), watermarks={"linkedin": now_ms})
    curve = decline(state, model, now_ms, range(0, 361, 30))
    assert curve["days"].to_list() == list(range(0, 361, 30))
    assert curve["presence"].to_list() == sorted(curve["presence"], reverse=True)
    assert curve["presence"][-1] < curve["presence"][0] == presence(state, model, now_ms)
    assert decline(state, model, now_ms, []).is_empty()


@pytest.mark.parametrize("taken", [[], [0, 1, 2]])
def test_recovery_starts_at_the_flag_and_forgives(
    record: Make, folded: Folding, model: Model, *, now_ms: int, taken: list[int]
) -> None:
    full = record(Kind.GAUGE, 1, gauge=Gauge.PROFILE_COMPLETENESS, value=100)
    flags = [
        record(Kind.FLAG, 10 + ref, ref_id=ref, severity=Severity.MINOR, occurred_ms=now_ms, withdrawn=True)
        for ref in taken
    ]
    curve = recovery(folded([full, *flags]), model, now_ms, [0, 90, 1801], Severity.SEVERE)
    assert curve["factor"].to_list() == [100_259, 316_637, 1_000_000]
    assert curve["presence"].to_list() == [300, 949, 3_000]
