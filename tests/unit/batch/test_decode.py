"""Reading a whole batch as columns says of every record what decoding it by itself and the door say."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.batch.decode import read
from presence.events import door
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Category,
    Direction,
    Event,
    EventId,
    Kind,
    Network,
    Object,
    PersonId,
    Verb,
)
from presence.log import codec
from presence.v1 import event_pb2

NOW_MS = 1_795_000_000_000
NEAR = st.integers(NOW_MS - 2 * door.FUTURE_MS_MAX, NOW_MS + 2 * door.FUTURE_MS_MAX)
U64 = st.sampled_from([0, 1, 2**63, 2**64 - 1])
EDGES = st.sampled_from([-(2**63), -1, 0, 1, 999, 1000, 5000, 5001, 10**6, 10**6 + 1, 10**12, 2**63 - 1])
WORDS = st.integers(-1, 25)
MESSAGES = st.builds(
    event_pb2.Event,
    id=U64,
    kind=st.integers(-1, 11),
    person_kind=st.integers(0, 3),
    person=st.sampled_from(["p_a", "p_b", "", "p" * 200, "p" * 201, "ü" * 101]),
    network=st.sampled_from(["x", "bluesky", "", "X", "a b", "n" * 33, "x\n"]),
    account=U64,
    direction=st.integers(0, 3),
    verb=WORDS,
    object=WORDS,
    actor=U64,
    actor_person=st.sampled_from(["", "p_c", "p" * 201]),
    occurred_ms=NEAR | st.sampled_from([0, door.OCCURRED_MS_MIN, door.OCCURRED_MS_MIN - 1]),
    observed_ms=NEAR | st.sampled_from([-1, 0, door.TIME_MS_MAX, door.TIME_MS_MAX + 1]),
    time_quality=st.integers(0, 4),
    magnitude=EDGES,
    rating=st.sampled_from([0, 999, 1000, 5000, 5001]),
    gauge=st.integers(-1, 6),
    value=EDGES,
    ref_id=U64,
    in_reply_to_other=st.booleans(),
    mean=EDGES,
    number=EDGES,
    severity=st.integers(0, 4),
    withdrawn=st.booleans(),
    category=st.integers(0, 8),
    complete_ms=EDGES,
    sealed_ref=st.sampled_from([b"", b"s" * 300, b"s" * 4097]),
    moderator=st.sampled_from(["", "rules", "No Code"]),
    decision=st.integers(0, 5),
    associates=st.lists(st.sampled_from(["p_c", ""]), max_size=2),
)
VALUES = MESSAGES.map(lambda message: message.SerializeToString()) | st.binary(max_size=40) | st.none()
ALWAYS = {"id", "kind", "person", "network", "account", "occurred_ms", "observed_ms"}
USED = {
    Kind.ENROLLED: {"person_kind"},
    Kind.ACTIVITY: {"direction", "verb", "object", "actor", "time_quality", "magnitude"},
    Kind.GAUGE: {"gauge", "value"},
    Kind.UNDO: {"ref_id", "ref_occurred_ms"},
    Kind.FLAG: {"ref_id", "severity", "withdrawn", "category"},
    Kind.ASSOCIATES: {"mean", "number"},
    Kind.WATERMARK: {"complete_ms"},
}


def used(event: Event) -> set[str]:
    """The columns that count for an event."""
    of_verb = {Verb.REVIEW: {"rating"}, Verb.CREATE: {"in_reply_to_other"}}.get(event.verb, set())
    return ALWAYS | USED.get(event.kind, set()) | (of_verb if event.kind == Kind.ACTIVITY else set())


def one_by_one(key: bytes | None, value: bytes | None) -> Event | str:
    """The event of a record, or the reason why it is refused."""
    if value is None:
        return "tombstone"
    try:
        event = door.check(codec.decode(value))
    except InvalidEvent as error:
        return error.reason
    return event if not event.person or key == event.person.encode() else "key"


def key_of(value: bytes | None, right: bool) -> bytes | None:
    try:
        person = event_pb2.Event.FromString(value or b"").person
    except Exception:  # noqa: BLE001 (whatever it is, the record has no person then)
        return b"p_a"
    return person.encode() if right else b"p_b"


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(VALUES, st.integers(0, 9)), max_size=12))
def test_a_batch_is_read_as_its_records_are_one_by_one(drawn: list[tuple[bytes | None, int]]) -> None:
    values = [value for value, _ in drawn]
    keys = [key_of(value, chance > 0) for value, chance in drawn]
    frame, refused = read(keys, values)
    expected = [one_by_one(key, value) for key, value in zip(keys, values, strict=True)]
    assert refused == {row: reason for row, reason in enumerate(expected) if isinstance(reason, str)}
    accepted = {row: event for row, event in enumerate(expected) if isinstance(event, Event)}
    assert frame["row"].to_list() == list(accepted)
    for row, found in zip(accepted, frame.iter_rows(named=True), strict=True):
        event = accepted[row]
        names = used(event)
        assert {name: found[name] for name in names} == {name: getattr(event, name) for name in names}


def activity(**changed: object) -> Event:
    given_: dict[str, object] = {
        "kind": Kind.ACTIVITY, "id": EventId(7), "person": PersonId("p_a"), "network": Network("x"),
        "account": AccountHash(1), "direction": Direction.TO, "verb": Verb.LIKE, "object": Object.NOTE,
        "actor": ActorHash(3), "occurred_ms": NOW_MS, "observed_ms": NOW_MS, "magnitude": 1,
    }  # fmt: skip
    return Event(**(given_ | changed))  # type: ignore[arg-type]  # the fields of an event


def test_one_bad_record_does_not_hide_the_good_ones_beside_it() -> None:
    good = codec.encode(activity())
    frame, refused = read([b"p_a"] * 4, [good, b"\xff\xff", None, good])
    assert refused == {1: "not_protobuf", 2: "tombstone"}
    assert frame["row"].to_list() == [0, 3]


@pytest.mark.parametrize("size", [codec.RECORD_BYTES_MAX + 1, 2**20])
def test_a_record_that_is_too_long_is_not_parsed(size: int) -> None:
    _, refused = read([b"p_a"], [b"\x0b" * size])
    assert refused == {0: "too_long"}


@pytest.mark.parametrize("depth", [1, 99, 100, 101, 4_000])
@pytest.mark.parametrize("closed", [True, False])
def test_nested_groups_are_taken_as_protobuf_takes_them(depth: int, closed: bool) -> None:
    begin, end = b"\xeb\x0f", b"\xec\x0f"
    value = codec.encode(activity()) + begin * depth + (end * depth if closed else b"")
    expected = one_by_one(b"p_a", value)
    frame, refused = read([b"p_a", b"p_a"], [value, codec.encode(activity())])
    assert refused == ({0: expected} if isinstance(expected, str) else {})
    assert len(frame) == 2 - len(refused)


def test_unknown_words_are_refused_only_where_the_kind_uses_them() -> None:
    message = event_pb2.Event.FromString(codec.encode(activity()))
    message.category = event_pb2.Category.ValueType(99)
    unused = message.SerializeToString()
    message.time_quality = event_pb2.TimeQuality.ValueType(99)
    frame, refused = read([b"p_a"] * 2, [unused, message.SerializeToString()])
    assert refused == {1: "unknown_word"}
    assert frame["row"].to_list() == [0]
    assert codec.decode(unused).category == Category.UNSPECIFIED


def test_no_records_are_no_events() -> None:
    frame, refused = read([], [])
    assert frame.is_empty()
    assert frame.schema["account"] == pl.UInt64
    assert not refused
