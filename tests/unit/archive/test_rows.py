"""A row gives back the very record that it was made of, whatever that is."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.archive.logs import PAIRS, good, logged
from tests.unit.batch.test_decode import MESSAGES, key_of

from presence.archive.rows import ROWS, events, records, rows
from presence.batch import decode
from presence.events.vocabulary import Event, Kind, Network, PersonId, Verb
from presence.log import codec


@settings(deadline=None, max_examples=100)
@given(st.lists(PAIRS, max_size=30))
def test_any_record_comes_back(pairs: list[tuple[bytes | None, bytes | None]]) -> None:
    log = logged(pairs, first=1_000)
    frame = rows(log)
    assert dict(frame.schema) == dict(ROWS)
    assert records(frame) == log


@settings(deadline=None, max_examples=100)
@given(st.lists(MESSAGES, max_size=12))
def test_any_message_comes_back_and_is_what_scoring_reads(messages: list[object]) -> None:
    values = [message.SerializeToString() for message in messages]  # type: ignore[attr-defined]
    keys = [key_of(value, True) for value in values]
    frame = rows(logged(list(zip(keys, values, strict=True))))
    assert records(frame) == logged(list(zip(keys, values, strict=True)))
    read, _ = decode.read(keys, values)
    told = frame.filter(pl.col("kind") != 0).select(set(read.columns) - {"row"})
    filled = read.drop("row").select(told.columns).with_columns(pl.col(pl.UInt8).fill_null(0))
    assert told.equals(filled)


def test_an_event_needs_no_raw_bytes() -> None:
    frame = rows(logged(good(400)))
    assert frame["raw_key"].null_count() == frame["raw_value"].null_count() == 400


def test_the_events_come_back() -> None:
    log = logged([*good(50), (b"p_1", b"\xff")])
    assert list(events(rows(log))) == [codec.decode(record.value or b"") for record in log[:50]]


def test_what_does_not_pass_the_door_is_a_row_of_kind_0() -> None:
    event = codec.encode(Event(kind=Kind.UNDO, person=PersonId("p_1"), observed_ms=1))
    frame = rows(logged([(b"p_1", None), (b"p_2", event), (b"p_1", event)]))
    assert frame["kind"].to_list() == [0, 0, Kind.UNDO]
    assert frame["raw_key"].to_list() == [b"p_1", b"p_2", None]
    assert frame["raw_value"].to_list() == [None, event, None]


def test_a_record_of_a_newer_writer_has_its_columns_and_its_bytes() -> None:
    told = Event(kind=Kind.UNDO, person=PersonId("p_1"), observed_ms=1, verb=Verb.LIKE, network=Network("x"))
    newer = codec.encode(told) + b"\xf8\x07\x01"
    frame = rows(logged([(b"p_1", newer)]))
    assert (frame["kind"].item(), frame["verb"].item()) == (Kind.UNDO, Verb.LIKE)
    assert records(frame)[0].value == newer
