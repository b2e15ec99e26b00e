from collections.abc import Callable, Iterable
from dataclasses import replace

import polars as pl
import pytest

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Direction, Event, Gauge, Kind, Object, PersonKind, Severity, Verb
from presence.model.columns import frame
from presence.model.fold import Folded, fold, fold_coded
from presence.model.spec import Model, load
from presence.model.state import COUNTS, FLAGS, GAUGES, KEYS, LEDGER, PEOPLE, State

Make = Callable[..., Event]
Folding = Callable[[Iterable[Event]], State]
WEEK = 2968
"""The week of Monday 2026-11-23: (20_780 - 4) // 7."""


def counts(state: State) -> list[tuple[int, int, int, int]]:
    """Signal, slot, week, amount of every row that belongs to a signal."""
    rows = state.counts.filter(pl.col("signal") != 0)
    return rows.select("signal", "slot", "week", "amount").rows()


def test_an_act_adds_a_thousand_to_its_row_and_enters_the_ledger(
    act: Make, like: Make, folded: Folding
) -> None:
    state = folded([act(1), like(2, actor=2**64 - 1, magnitude=3), like(3, actor=64)])
    assert counts(state) == [(2, 0, WEEK, 1000), (6, 0, WEEK, 1000), (6, 63, WEEK, 3000)]
    assert state.people["events"].to_list() == [3]
    assert state.ledger.select("id", "signal", "amount", "stars", "undone").rows() == [
        (1, 2, 1000, 0, False),
        (2, 6, 3000, 0, False),
        (3, 6, 1000, 0, False),
    ]


def test_weeks_begin_on_monday(act: Make, folded: Folding, now_ms: int) -> None:
    monday_ms = now_ms - 43_200_000
    state = folded([act(1, occurred_ms=monday_ms), act(2, occurred_ms=monday_ms - 1)])
    assert counts(state) == [(2, 0, WEEK - 1, 1000), (2, 0, WEEK, 1000)]


def test_weeks_before_1970_begin_on_monday_too(act: Make, folded: Folding) -> None:
    monday_ms = 4 * 86_400_000
    state = folded([act(n, occurred_ms=monday_ms + ms) for n, ms in enumerate((-604_800_001, -1, 0))])
    assert state.ledger["week"].to_list() == [-2, -1, 0]


def test_an_id_counts_once_in_one_batch_and_over_many(
    like: Make, folded: Folding, model: Model, now_ms: int
) -> None:
    once = folded([like(1)])
    assert folded([like(1), like(1), like(1)]).equals(once)
    again = fold(once, frame([like(1, observed_ms=now_ms + 5)]), model).state
    assert again.counts.equals(once.counts)
    assert again.ledger.equals(once.ledger)
    assert again.people["newest_ms"].to_list() == [now_ms + 5]


def test_ids_of_two_people_do_not_meet(like: Make, folded: Folding) -> None:
    state = folded([like(1), like(1, person="p_two")])
    assert state.people.select("person", "events").rows() == [("p_one", 1), ("p_two", 1)]


def test_a_review_counts_once_whatever_its_magnitude_and_keeps_its_stars(like: Make, folded: Folding) -> None:
    state = folded(
        [like(1, verb=Verb.REVIEW, rating=4500, magnitude=77), like(2, verb=Verb.REVIEW, rating=1000)]
    )
    assert counts(state) == [(15, 0, WEEK, 2000), (16, 0, WEEK, 5_500_000)]


@pytest.mark.parametrize("places", [(0, 1), (1, 0), (1, 0, 1), (0, 1, 0), (0, 0, 1, 1)])
@pytest.mark.parametrize("together", [True, False])
def test_an_undo_takes_back_once_before_or_after(
    like: Make, record: Make, folded: Folding, *, places: tuple[int, ...], together: bool
) -> None:
    pair = (like(1, magnitude=5), record(Kind.UNDO, 90, ref_id=1))
    kept = like(2)
    events = [kept, *(pair[place] for place in places)]
    state = State.empty()
    for batch in [events] if together else [[event] for event in events]:
        state = fold(state, frame(batch), load()).state
    assert state.counts.equals(folded([kept]).counts)
    assert state.people["events"].to_list() == [1]
    undone = state.ledger.filter("undone")
    assert undone.select(pl.exclude("person")).rows() == [(1, "", 0, 0, 0, 0, 0, 0, True)]


def test_an_undone_review_takes_its_stars_along(like: Make, record: Make, folded: Folding) -> None:
    state = folded([like(1, verb=Verb.REVIEW, rating=5000), record(Kind.UNDO, 2, ref_id=1)])
    assert state.counts.is_empty()


def test_an_undo_of_a_gauge_or_a_stranger_changes_no_count(record: Make, like: Make, folded: Folding) -> None:
    gauge = record(Kind.GAUGE, 5, gauge=Gauge.FOLLOWERS, value=9)
    undos = [record(Kind.UNDO, 6, ref_id=5), record(Kind.UNDO, 7, ref_id=12345)]
    state = folded([like(1), gauge, *undos])
    assert state.counts.equals(folded([like(1)]).counts)
    assert state.gauges["value"].to_list() == [9]


def test_an_act_that_no_signal_names_is_ignored_and_counted(act: Make, record: Make, model: Model) -> None:
    nameless = act(1, verb=Verb.CALL)
    result = fold(State.empty(), frame([nameless, act(2)]), model)
    assert result.ignored == 1
    assert result.state.ledger["id"].to_list() == [2]
    undo = record(Kind.UNDO, 3, ref_id=1)
    one = fold(State.empty(), frame([nameless, undo]), model).state
    other = fold(State.empty(), frame([undo, nameless]), model).state
    assert one.equals(other)
    assert one.ledger.select("id", "undone").rows() == [(1, True)]


@pytest.mark.parametrize(
    ("column", "number"),
    [("verb", 200), ("direction", len(Direction)), ("verb", len(Verb)), ("object", len(Object))],
)
def test_numbers_beyond_the_vocabulary_name_no_signal(
    like: Make, model: Model, *, column: str, number: int
) -> None:
    events = frame([like(1)]).with_columns(pl.lit(number, pl.UInt8).alias(column))
    assert fold(State.empty(), events, model).ignored == 1


def test_the_newest_gauge_wins_in_any_order(record: Make, folded: Folding, now_ms: int) -> None:
    def gauge(number: int, value: int, observed_ms: int) -> Event:
        return record(Kind.GAUGE, number, gauge=Gauge.FOLLOWERS, value=value, observed_ms=observed_ms)

    events = [gauge(2, 20, now_ms), gauge(2**63, 30, now_ms), gauge(9, 10, now_ms - 1)]
    for order in (events, events[::-1]):
        assert folded(order).gauges.select("value", "id").rows() == [(30, 2**63)]


def test_of_one_time_the_greater_id_wins_and_of_one_id_the_greater_content(
    record: Make, folded: Folding
) -> None:
    def held(*told: tuple[int, int]) -> list[int]:
        gauges = [record(Kind.GAUGE, number, gauge=Gauge.FOLLOWERS, value=value) for number, value in told]
        one, other = folded(gauges), folded(gauges[::-1])
        assert one.equals(other)
        return one.gauges["value"].to_list()

    assert held((5, 9), (6, 1)) == [1]
    assert held((5, 9), (5, 1)) == [9]


def test_flags_kind_and_associates_are_the_newest(record: Make, folded: Folding, now_ms: int) -> None:
    flag = {"ref_id": 5, "severity": Severity.SEVERE, "occurred_ms": now_ms}
    events = [
        record(Kind.FLAG, 1, **flag),
        record(Kind.FLAG, 2, withdrawn=True, observed_ms=now_ms + 1, **flag),
        record(Kind.ENROLLED, 3, person_kind=PersonKind.BUSINESS, observed_ms=now_ms + 1),
        record(Kind.ENROLLED, 4, person_kind=PersonKind.PERSON),
        record(Kind.ASSOCIATES, 5, mean=10, number=1),
        record(Kind.ASSOCIATES, 6, mean=20, number=2),
    ]
    state = folded(events)
    assert folded(events[::-1]).equals(state)
    assert state.flags.select("ref_id", "withdrawn", "id").rows() == [(5, True, 2)]
    people = state.people.select("kind", "kind_id", "associates_mean", "associates_number", "associates_id")
    assert people.rows() == [(int(PersonKind.BUSINESS), 3, 20, 2, 6)]


def test_clock_and_watermarks_only_rise(record: Make, folded: Folding, now_ms: int) -> None:
    def everybody(kind: Kind, **fields: int) -> Event:
        return record(kind, 0, person="", account=0, **fields)

    events = [
        everybody(Kind.CLOCK, observed_ms=now_ms + 9),
        everybody(Kind.CLOCK),
        everybody(Kind.WATERMARK, complete_ms=70),
        everybody(Kind.WATERMARK, complete_ms=60),
    ]
    state = folded(events)
    assert state.clock_ms == now_ms + 9
    assert dict(state.watermarks) == {"linkedin": 70}
    assert state.people.is_empty()


def test_unlinking_drops_an_account_and_what_comes_later_counts_anew(
    like: Make, record: Make, folded: Folding, model: Model
) -> None:
    gauge = record(Kind.GAUGE, 5, gauge=Gauge.FOLLOWERS, value=9)
    undone = [like(3), record(Kind.UNDO, 6, ref_id=3, network="x")]
    elsewhere = like(4, account=2)
    before = [like(1), gauge, *undone, elsewhere]
    result = fold(State.empty(), frame([*before, record(Kind.UNLINKED, 7)]), model)
    assert result.unlinked.rows() == [("p_one", "linkedin", 1)]
    assert result.state.counts.equals(folded([elsewhere]).counts)
    assert result.state.gauges.is_empty()
    assert result.state.ledger.select("id", "undone").rows() == [(3, True), (4, False)]
    assert result.state.people["events"].to_list() == [1]
    again = fold(result.state, frame([like(1), like(3)]), model).state
    assert again.counts.equals(folded([elsewhere, like(1)]).counts)


def test_unlinking_drops_what_earlier_batches_told_of_the_account_and_nothing_else(
    like: Make, record: Make, folded: Folding, model: Model
) -> None:
    def told(start: int, account: int) -> list[Event]:
        gauge = record(Kind.GAUGE, start, account=account, gauge=Gauge.FOLLOWERS, value=7)
        return [gauge, like(start + 1, account=account)]

    state = folded([*told(1, 1), *told(3, 2)])
    left = fold(state, frame([record(Kind.UNLINKED, 0)]), model).state
    assert left.gauges.equals(folded(told(3, 2)).gauges)
    assert left.counts.equals(folded(told(3, 2)).counts)


def test_unlinking_in_the_middle_of_a_batch_is_as_in_batches_of_one(
    like: Make, record: Make, model: Model
) -> None:
    unlinked = record(Kind.UNLINKED, 7)
    undo = record(Kind.UNDO, 8, ref_id=2)
    events = [like(1), like(2), unlinked, like(1), undo, like(2), unlinked, like(5), like(1, account=2)]
    at_once = fold(State.empty(), frame(events), model).state
    one_by_one = State.empty()
    for event in events:
        one_by_one = fold(one_by_one, frame([event]), model).state
    assert at_once.equals(one_by_one)
    assert at_once.ledger.select("id", "account", "undone").rows() == [
        (1, 2, False),
        (2, 0, True),
        (5, 1, False),
    ]


def test_what_is_erased_stays_erased(like: Make, record: Make, folded: Folding, model: Model) -> None:
    erased = record(Kind.ERASED, 7, network="", account=0)
    result = fold(folded([like(1)]), frame([erased, like(2), like(3, person="p_two")]), model)
    assert result.erased.to_list() == ["p_one"]
    assert result.state.people.select("person", "erased", "newest_ms").row(0) == ("p_one", True, 0)
    assert set(result.state.counts["person"]) == set(result.state.ledger["person"]) == {"p_two"}
    later = fold(result.state, frame([like(9)]), model)
    assert later.state.equals(result.state)
    assert later.erased.is_empty()


def partial(state: State, events: pl.DataFrame) -> State:
    """What a store would load for a batch: its people's rows, and the ledger of the ids that it names."""
    people = events["person"].unique().implode()
    ids = pl.concat([events["id"], events["ref_id"]]).implode()
    loaded = state.mapped(lambda _table, rows: rows.filter(pl.col("person").is_in(people)))
    return loaded.mapped(
        lambda table, rows: rows.filter(pl.col("id").is_in(ids)) if table == "ledger" else rows
    )


def test_a_partial_state_folds_like_the_whole(
    like: Make, record: Make, folded: Folding, model: Model
) -> None:
    whole = folded([like(n, person=f"p_{n % 5}", actor=n + 1) for n in range(50)])
    batch = frame(
        [
            like(3, person="p_3"),
            like(70, person="p_3"),
            record(Kind.UNDO, 71, person="p_1", ref_id=21, network="x"),
            record(Kind.UNLINKED, 72, person="p_4"),
            like(9, person="p_4"),
        ]
    )
    wanted, got = fold(whole, batch, model), fold(partial(whole, batch), batch, model)
    assert merged(whole, batch, got).equals(wanted.state)


def merged(whole: State, batch: pl.DataFrame, got: Folded) -> State:
    """The whole after a store wrote back what a partial fold left."""
    people = batch["person"].unique().implode()
    kept = whole.mapped(
        lambda table, rows: rows if table == "ledger" else rows.filter(~pl.col("person").is_in(people))
    )
    rest = kept.ledger.join(got.unlinked, on=["person", "network", "account"], how="anti")
    rest = rest.join(got.state.ledger, on=["person", "id"], how="anti")
    tables = {"ledger": rest} | {table: getattr(kept, table) for table in KEYS if table != "ledger"}
    return State(
        clock_ms=got.state.clock_ms,
        watermarks=got.state.watermarks,
        **{table: pl.concat([rows, getattr(got.state, table)]) for table, rows in tables.items()},
    ).canonical()


def test_what_is_for_everybody_ignores_and_drops_nothing(record: Make, model: Model) -> None:
    result = fold(State.empty(), frame([record(Kind.CLOCK, 0, person="")]), model)
    assert (len(result.unlinked), len(result.erased), result.ignored) == (0, 0, 0)


def test_every_table_keeps_its_types(like: Make, record: Make, folded: Folding, model: Model) -> None:
    state = folded(
        [like(1), record(Kind.GAUGE, 2, gauge=Gauge.FOLLOWERS, value=3), record(Kind.UNDO, 3, ref_id=1)]
    )
    for held in (State.empty(), folded([]), state, fold(state, frame([like(4)]), model).state):
        assert {table: dict(getattr(held, table).schema) for table in KEYS} == {
            "people": dict(PEOPLE),
            "counts": dict(COUNTS),
            "gauges": dict(GAUGES),
            "flags": dict(FLAGS),
            "ledger": dict(LEDGER),
        }


def test_a_batch_of_nothing_changes_nothing(like: Make, folded: Folding, model: Model) -> None:
    state = folded([like(1)])
    assert fold(state, frame([]), model).state.equals(state)


def test_received_and_authored_acts_are_told_apart(act: Make, folded: Folding) -> None:
    state = folded(
        [act(1, verb=Verb.LIKE, object=Object.NOTE), act(2, verb=Verb.LIKE, direction=Direction.TO, actor=5)]
    )
    assert [signal for signal, *_ in counts(state)] == [4, 6]


def test_states_are_equal_in_every_part_or_not_at_all(like: Make, folded: Folding) -> None:
    state = folded([like(1)])
    assert state.equals(folded([like(1)]))
    others = folded([like(2)]), replace(state, clock_ms=1), replace(state, watermarks={"x": 1})
    assert not any(state.equals(other) for other in others)


def test_a_number_beyond_64_bits_is_refused(record: Make) -> None:
    with pytest.raises(InvalidEvent, match="a number is beyond 64 bits") as refused:
        frame([record(Kind.CLOCK, 1, person="", value=2**64)])
    assert refused.value.reason == "range"


def test_coded_people_are_of_the_type_of_their_numbers(like: Make, model: Model) -> None:
    events = frame([like(1)]).with_columns(person=pl.lit(0, pl.UInt32), network=pl.lit(1, pl.UInt32))
    coded = {"person": pl.UInt32, "network": pl.UInt32}
    nothing = State.empty().mapped(
        lambda _, rows: rows.cast({name: dtype for name, dtype in coded.items() if name in rows.columns})
    )
    assert fold_coded(nothing, events, 1, model).state.people.schema["person"] == pl.UInt32
