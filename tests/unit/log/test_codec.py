from contextlib import suppress
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Category,
    Decision,
    Direction,
    Event,
    EventId,
    Gauge,
    Grounds,
    Kind,
    Network,
    Object,
    PersonId,
    PersonKind,
    Severity,
    TimeQuality,
    Verb,
    Word,
)
from presence.log import codec
from presence.v1 import event_pb2

U64 = st.integers(0, 2**64 - 1)
I64 = st.integers(-(2**63), 2**63 - 1)
EVENTS = st.builds(
    Event,
    kind=st.sampled_from(Kind),
    observed_ms=I64,
    id=U64.map(EventId),
    person=st.text(max_size=40).map(PersonId),
    person_kind=st.sampled_from(PersonKind),
    network=st.text(max_size=10).map(Network),
    account=U64.map(AccountHash),
    direction=st.sampled_from(Direction),
    verb=st.sampled_from(Verb),
    object=st.sampled_from(Object),
    actor=U64.map(ActorHash),
    actor_person=st.text(max_size=40).map(PersonId),
    occurred_ms=I64,
    time_quality=st.sampled_from(TimeQuality),
    magnitude=I64,
    rating=st.integers(-(2**31), 2**31 - 1),
    gauge=st.sampled_from(Gauge),
    value=I64,
    ref_id=U64.map(EventId),
    ref_occurred_ms=I64,
    in_reply_to_other=st.booleans(),
    mean=I64,
    number=I64,
    severity=st.sampled_from(Severity),
    withdrawn=st.booleans(),
    category=st.sampled_from(Category),
    complete_ms=I64,
    sealed_ref=st.binary(max_size=100),
    moderator=st.text(max_size=10),
    moderator_version=st.text(max_size=10),
    confidence_micro=st.integers(-(2**31), 2**31 - 1),
    decision=st.sampled_from(Decision),
    grounds=st.sampled_from(Grounds),
    operator=st.text(max_size=10),
    sealed_note=st.binary(max_size=100),
    associates=st.lists(st.text(max_size=5).map(PersonId), max_size=3).map(tuple),
)


@given(EVENTS)
def test_every_event_survives_a_round_trip(event: Event) -> None:
    assert codec.decode(codec.encode(event)) == event


@given(st.binary(max_size=300))
def test_nothing_but_invalid_event_escapes_from_arbitrary_bytes(value: bytes) -> None:
    with suppress(InvalidEvent):
        codec.encode(codec.decode(value))


def test_a_record_that_is_too_long_is_not_even_parsed() -> None:
    with pytest.raises(InvalidEvent, match="too_long"):
        codec.decode(bytes(codec.RECORD_BYTES_MAX + 1))


def test_an_unknown_word_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="unknown_word"):
        codec.decode(event_pb2.Event(kind=99).SerializeToString())  # type: ignore[arg-type]


def test_the_schema_and_the_dataclass_name_the_same_fields() -> None:
    assert {field.name for field in event_pb2.Event.DESCRIPTOR.fields} == {
        field.name for field in fields(Event)
    }


@pytest.mark.parametrize(
    ("word", "name"),
    [
        (Kind, "EventKind"),
        (PersonKind, "PersonKind"),
        (Direction, "Direction"),
        (Verb, "Verb"),
        (Object, "Object"),
        (TimeQuality, "TimeQuality"),
        (Gauge, "Gauge"),
        (Severity, "Severity"),
        (Category, "Category"),
        (Decision, "Decision"),
        (Grounds, "Grounds"),
    ],
)
def test_the_words_of_the_schema_and_of_the_vocabulary_have_the_same_numbers(
    word: type[Word], name: str
) -> None:
    values = event_pb2.DESCRIPTOR.enum_types_by_name[name].values
    prefix = values[0].name.removesuffix("UNSPECIFIED")
    assert {value.name.removeprefix(prefix): value.number for value in values} == {
        member.name: member.value for member in word
    }


@pytest.mark.parametrize("text", ["JobApproach", "JOB_APPROACH", "job_approach", "jobapproach"])
def test_a_word_is_read_in_any_usual_spelling(text: str) -> None:
    assert Verb.parse(text) is Verb.JOB_APPROACH


@pytest.mark.parametrize("text", ["", "Unspecified", "Likes", "VERB_LIKE"])
def test_what_is_no_word_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a word of Verb"):
        Verb.parse(text)
