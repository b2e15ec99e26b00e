from collections.abc import Callable, Iterable
from dataclasses import replace

import polars as pl
import pytest

from presence.events.vocabulary import Event, Gauge, Kind, Severity
from presence.model.columns import frame
from presence.model.evaluate import evaluate
from presence.model.explain import change
from presence.model.simulate import CURVE, decline, recovery, what_if
from presence.model.spec import Model
from presence.model.state import State
from presence.model.waterfall import ENTRIES

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


def test_a_change_is_sorted_as_a_waterfall_is(
    act: Make, like: Make, folded: Folding, model: Model, *, now_ms: int
) -> None:
    def lives(start: int, time_ms: int) -> list[Event]:
        """The same for two people, two networks and two accounts each."""
        keys = [(p, n, a) for p in ("p_b", "p_a") for n in ("x", "linkedin") for a in (2**63, 1)]
        told = {"occurred_ms": time_ms, "observed_ms": time_ms}
        return [
            make(start + 100 * part + n, person=p, network=network, account=a, magnitude=n + 1, **told)
            for n, (p, network, a) in enumerate(keys)
            for part, make in enumerate((act, like))
        ]

    later_ms = now_ms + 10 * DAY_MS
    first = lives(1, now_ms)
    weeks = [now_ms - 7 * week * DAY_MS for week in range(4)]
    places = [(p, n, ms) for p in ("p_a", "p_b") for n in ("x", "linkedin") for ms in weeks]
    loud = [
        act(900 + n, account=2**63, person=p, network=network, magnitude=19, occurred_ms=ms)
        for n, (p, network, ms) in enumerate(places)
    ]
    rows = change(folded(first), folded([*first, *loud, *lives(1_000, later_ms)]), model)
    keys = [
        (row["person"], row["cause"], ENTRIES.index(row["entry"]), row["network"], row["account"])
        for row in rows.iter_rows(named=True)
    ]
    assert keys == sorted(keys)
    assert len({key[3:] for key in keys}) > 2
    assert len({key[2] for key in keys}) > 3


def test_a_change_is_told_of_everybody_in_the_new_state(act: Make, folded: Folding, model: Model) -> None:
    both = folded([act(1, person="p_a"), act(2, person="p_b")])
    one = folded([act(2, person="p_b"), act(3, person="p_b")])
    alone = change(folded([act(2, person="p_b")]), one, model)
    assert change(both, one, model).equals(alone)
    assert set(alone["person"]) == {"p_b"}


def test_what_the_clock_alone_brings_is_decay(act: Make, folded: Folding, model: Model, now_ms: int) -> None:
    state = folded([act(1)])
    rows = change(state, replace(state, clock_ms=now_ms + 90 * DAY_MS), model)
    assert set(rows["cause"]) == {"decay"}


def test_what_if_looks_at_the_newest_time_of_all(
    act: Make, folded: Folding, model: Model, now_ms: int
) -> None:
    state, late_ms = folded([act(1)]), now_ms + 50 * DAY_MS
    asked = frame([act(2, person="p_new", occurred_ms=late_ms, observed_ms=late_ms)])
    found = what_if(state, asked, model)
    assert {*found.before.people["as_of_ms"], *found.after.people["as_of_ms"]} == {late_ms}
    assert set(found.change["person"]) == {"p_new"}
    found = what_if(replace(state, clock_ms=late_ms + 1), asked, model)
    assert {*found.before.people["as_of_ms"], *found.after.people["as_of_ms"]} == {late_ms + 1}
    found = what_if(state, asked, model, late_ms + 2)
    assert {*found.before.people["as_of_ms"], *found.after.people["as_of_ms"]} == {late_ms + 2}
    nobody = what_if(State.empty(), frame([]), model)
    assert nobody.after.people.is_empty()
    assert nobody.change.is_empty()


def test_a_curve_is_sorted_by_person_and_day_and_keeps_its_types(
    act: Make, record: Make, folded: Folding, model: Model, *, now_ms: int
) -> None:
    state = folded([act(1, person="p_b"), act(2, person="p_a"), record(Kind.ERASED, 3, person="p_c")])
    for days in ([], [30, 0]):
        for curve in (
            decline(state, model, now_ms, days),
            recovery(state, model, now_ms, days, Severity.MINOR),
        ):
            assert dict(curve.schema) == dict(CURVE)
            wanted = [(person, day) for person in ("p_a", "p_b") for day in sorted(days)]
            assert curve.select("person", "days").rows() == wanted


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
