"""Who was erased is in no row but in ERASED records, and nobody else's rows are fewer."""

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.archive.logs import PAIRS, logged

from presence.archive.erasure import NAMING, digest, erased_in, names_any, without
from presence.archive.rows import events, records, rows
from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Kind,
    Network,
    PersonId,
    Verb,
)
from presence.log import codec

GONE, STAYS = PersonId("p_1"), PersonId("p_2")


def activity(person: PersonId, actor_person: PersonId) -> bytes:
    return codec.encode(
        Event(
            kind=Kind.ACTIVITY, id=EventId(7), person=person, network=Network("x"), account=AccountHash(1),
            direction=Direction.TO, verb=Verb.LIKE, actor=ActorHash(3), actor_person=actor_person,
            occurred_ms=1_795_000_000_000, observed_ms=1_795_000_000_000, magnitude=1,
        )
    )  # fmt: skip


def company(*people: PersonId) -> bytes:
    return codec.encode(
        Event(kind=Kind.ASSOCIATES, person=STAYS, observed_ms=1, mean=1, number=1, associates=people)
    )


@settings(deadline=None, max_examples=100)
@given(st.lists(PAIRS, max_size=30))
def test_nobody_else_loses_a_row(pairs: list[tuple[bytes | None, bytes | None]]) -> None:
    frame = rows(logged(pairs))
    left = without(frame, {GONE})
    told = left.filter(pl.col("kind") != 0)
    assert set(told.filter(pl.col("person") == GONE)["kind"]) <= {Kind.ERASED}
    others = (pl.col("person") != GONE) & (pl.col("kind") != 0)
    assert left.filter(others).equals(frame.filter(others))
    assert not names_any(left.select(NAMING), {GONE})
    assert without(left, {GONE}).equals(left)
    assert without(frame, set()).equals(frame)
    assert names_any(frame.select(NAMING), {GONE}) == (not left.equals(frame))


def test_who_acted_is_forgotten_and_the_act_stays() -> None:
    newer = activity(STAYS, GONE) + b"\xf8\x07\x01"
    frame = rows(logged([(b"p_2", activity(STAYS, GONE)), (b"p_2", newer)]))
    left = without(frame, {GONE})
    assert [record.value for record in records(left)] == [
        activity(STAYS, PersonId("")),
        activity(STAYS, PersonId("")) + b"\xf8\x07\x01",
    ]
    assert b"p_1" not in b"".join(record.value or b"" for record in records(left))


def test_company_is_forgotten_and_its_weight_stays() -> None:
    frame = rows(logged([(b"p_2", company(STAYS, GONE))]))
    (event,) = events(without(frame, {GONE}))
    assert event == codec.decode(company(STAYS))


def test_what_cannot_be_read_goes_by_its_key_or_by_the_person_in_it() -> None:
    pairs = [
        (b"p_1", b"\xff"),
        (b"p_2", b"\xff"),
        (b"p_2", activity(GONE, STAYS)),
        (b"p_1", None),
        (None, None),
    ]
    left = records(without(rows(logged(pairs)), {GONE}))
    assert [record.offset for record in left] == [1, 4]


def test_an_erased_record_stays_and_names_them() -> None:
    erased = codec.encode(Event(kind=Kind.ERASED, person=GONE, observed_ms=5))
    frame = rows(
        logged([(b"p_1", activity(GONE, STAYS)), (b"p_1", erased), (b"p_1", erased + b"\xf8\x07\x01")])
    )
    left = without(frame, {GONE})
    assert left["offset"].to_list() == [1, 2]
    assert erased_in(left) == {GONE}


def test_a_digest_tells_sets_apart_whatever_their_order() -> None:
    assert digest(["a", "b"]) == digest({"b", "a"}) != digest({"a"})
    assert digest(set()) == ""
