"""Whose log an act goes to, and under which pseudonyms."""

from dataclasses import replace
from pathlib import Path

import pytest

from presence.conduct.moderator import TEXT_CHARS_MAX, Finding
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import (
    Category,
    Decision,
    Direction,
    Event,
    EventId,
    Gauge,
    Kind,
    Network,
    Object,
    PersonId,
    PersonKind,
    Severity,
    Verb,
)
from presence.ingest.acts import Act, Native, Reading, Retraction
from presence.ingest.address import Addressing
from presence.ingest.received import ReceivedIndex
from presence.log import codec
from presence.model.columns import frame
from presence.model.fold import fold
from presence.model.spec import load
from presence.model.state import State
from presence.roster.keys import DataKey, MasterKey
from presence.roster.people import TERMS, Account, ConsentBasis, Person, new_person_id
from presence.roster.registry import Registry

BLUESKY = Network("bluesky")
ADA, BO, FAN = "did:plc:ada", "did:plc:bo", "did:plc:fan"
NOW_MS = 1_780_000_000_000
AT_MS = NOW_MS - 1000


class Town:
    """A registry, an index on disk, and what comes of acts in them."""

    def __init__(self, folder: Path) -> None:
        self.master = MasterKey(bytes(32))
        self.registry = Registry(self.master)
        self.received = ReceivedIndex(folder)
        self.addressing = Addressing(BLUESKY, self.registry, self.received)

    def enrol(self, *natives: str) -> tuple[PersonId, DataKey]:
        person, key = new_person_id(), DataKey.new()
        accounts = tuple(
            Account(BLUESKY, key.account_hash(BLUESKY, each, AT_MS), key.seal(person, each), AT_MS)
            for each in natives
        )
        self.registry.add(
            Person(
                id=person,
                kind=PersonKind.PERSON,
                basis=ConsentBasis.GRANTED,
                granted_ms=AT_MS,
                terms=TERMS,
                sealed_key=self.master.seal(person, key),
                master_key_id=self.master.id,
                accounts=accounts,
            )
        )
        return person, key

    def events(self, *natives: Native) -> list[Event]:
        return self.addressing.events(natives, NOW_MS)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def like(about: str, by: str, at_ms: int = AT_MS) -> Act:
    direction, what = (Direction.BY, "by") if about == by else (Direction.TO, "to")
    return Act(about, by, f"{by}/like/1", what, direction, Verb.LIKE, Object.NOTE, at_ms, f"at://{by}/like/1")


def answer(about: str, by: str, answered: str) -> Act:
    direction, what = (Direction.BY, "by") if about == by else (Direction.TO, "reply")
    record = f"{by}/post/1"
    return Act(about, by, record, what, direction, Verb.CREATE, Object.NOTE, AT_MS, record, answered)


def test_nobody_enrolled_makes_no_event(town: Town) -> None:
    assert town.events(like(FAN, FAN), like(ADA, FAN)) == []


def test_a_received_act_is_under_the_receivers_key(town: Town) -> None:
    ada, key = town.enrol(ADA)
    (event,) = town.events(like(FAN, FAN), like(ADA, FAN))
    assert (event.kind, event.person, event.direction) == (Kind.ACTIVITY, ada, Direction.TO)
    assert event.id == key.event_id(BLUESKY, f"{FAN}/like/1#to")
    assert event.account == key.account_hash(BLUESKY, ADA, AT_MS)
    assert event.actor == key.actor_hash(BLUESKY, FAN)
    assert event.actor_person == ""
    assert (event.magnitude, event.occurred_ms, event.observed_ms) == (1, AT_MS, NOW_MS)
    assert key.open(ada, event.sealed_ref) == f"at://{FAN}/like/1"


def test_between_two_enrolled_it_is_an_event_for_each(town: Town) -> None:
    ada, _ = town.enrol(ADA)
    bo, _ = town.enrol(BO)
    by, to = town.events(like(BO, BO), like(ADA, BO))
    assert (by.person, by.direction, by.actor, by.actor_person) == (bo, Direction.BY, 0, "")
    assert (to.person, to.direction, to.actor_person) == (ada, Direction.TO, bo)
    assert by.id != to.id


def test_what_somebody_does_to_their_own_other_account_is_not_received(town: Town) -> None:
    town.enrol(ADA, BO)
    assert [event.direction for event in town.events(like(BO, BO), like(ADA, BO))] == [Direction.BY]


def test_answering_oneself_by_another_account_is_not_answering_another(town: Town) -> None:
    town.enrol(ADA, BO)
    assert [event.in_reply_to_other for event in town.events(answer(BO, BO, ADA))] == [False]
    assert [event.in_reply_to_other for event in town.events(answer(BO, BO, BO))] == [False]
    assert [event.in_reply_to_other for event in town.events(answer(BO, BO, FAN))] == [True]


def test_a_reading_is_a_gauge_with_an_id_of_its_own(town: Town) -> None:
    ada, key = town.enrol(ADA)
    (event,) = town.events(Reading(ADA, "r", "completeness", Gauge.PROFILE_COMPLETENESS, 75, AT_MS, "at://r"))
    assert (event.kind, event.person, event.value) == (Kind.GAUGE, ada, 75)
    assert event.id == key.event_id(BLUESKY, "r#completeness")


def test_what_does_not_pass_the_door_is_refused_and_leaves_nothing(town: Town) -> None:
    town.enrol(ADA)
    with pytest.raises(InvalidEvent) as caught:
        town.events(like(ADA, FAN, at_ms=1))
    assert caught.value.reason == "time"
    assert list(town.received.find(f"{FAN}/like/1")) == []


def test_a_deleted_record_is_taken_back_on_both_sides(town: Town) -> None:
    town.enrol(ADA)
    town.enrol(BO)
    by, to = town.events(like(BO, BO), like(ADA, BO))
    own, received = town.events(Retraction(BO, f"{BO}/like/1", "by"))
    assert [event.kind for event in (own, received)] == [Kind.UNDO, Kind.UNDO]
    assert (own.person, own.ref_id) == (by.person, by.id)
    assert (received.person, received.ref_id, received.ref_occurred_ms) == (to.person, to.id, AT_MS)


def test_a_deletion_by_somebody_not_enrolled_reaches_who_received_it_after_a_restart(tmp_path: Path) -> None:
    town = Town(tmp_path)
    ada, key = town.enrol(ADA)
    (made,) = town.events(like(ADA, FAN))
    town.received.commit()
    town.received.close()
    again = Town(tmp_path)
    again.registry = town.registry
    again.addressing = Addressing(BLUESKY, town.registry, again.received)
    (undo,) = again.events(Retraction(FAN, f"{FAN}/like/1", "by"))
    assert (undo.person, undo.ref_id) == (ada, made.id)
    assert undo.id == key.event_id(BLUESKY, f"{FAN}/like/1#undo-{made.id:016x}")


def test_a_deletion_that_concerned_nobody_is_nothing(town: Town) -> None:
    town.enrol(ADA)
    assert town.events(Retraction(FAN, f"{FAN}/like/1", "by")) == []


def test_who_was_erased_has_nothing_left_to_take_back(town: Town) -> None:
    ada, _ = town.enrol(ADA)
    town.events(like(ADA, FAN))
    town.registry.apply(ada, None)
    assert town.events(Retraction(FAN, f"{FAN}/like/1", "by")) == []


def test_the_index_names_nobody_who_is_not_enrolled(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.enrol(ADA)
    town.events(like(ADA, FAN))
    town.received.commit()
    town.received.close()
    content = (tmp_path / "data.mdb").read_bytes()
    assert FAN.encode() not in content
    assert ADA.encode() not in content


class Stern:
    """A moderator to whom everything that it reads is a threat."""

    name, version = "stern", "7"

    def __init__(self) -> None:
        self.read_texts: list[str] = []

    def read(self, text: str) -> tuple[Finding, ...]:
        self.read_texts.append(text)
        if text == "fail":
            raise RuntimeError(text)
        return (Finding(Category.THREAT, Severity.SEVERE, 900_000),) if text != "fine" else ()


def wrote(about: str, by: str, text: str, *, version: str = "", at_ms: int = AT_MS) -> Act:
    direction, what = (Direction.BY, "by") if about == by else (Direction.TO, "reply")
    record = f"{by}/post/1"
    return Act(
        about,
        by,
        record,
        what,
        direction,
        Verb.CREATE,
        Object.NOTE,
        at_ms,
        record,
        text=text,
        version=version,
    )


@pytest.fixture
def watched(town: Town) -> tuple[Town, Stern]:
    stern = Stern()
    town.addressing = Addressing(BLUESKY, town.registry, town.received, stern)
    return town, stern


def test_a_finding_is_logged_with_who_found_it_and_where_but_not_what_was_said(
    watched: tuple[Town, Stern],
) -> None:
    town, _ = watched
    ada, key = town.enrol(ADA)
    act, flag = town.events(wrote(ADA, ADA, "secret words"))
    assert (act.kind, flag.kind) == (Kind.ACTIVITY, Kind.FLAG)
    assert (flag.person, flag.network, flag.account) == (ada, BLUESKY, act.account)
    assert (flag.severity, flag.category, flag.withdrawn) == (Severity.SEVERE, Category.THREAT, False)
    assert (flag.moderator, flag.moderator_version, flag.confidence_micro) == ("stern", "7", 900_000)
    assert flag.decision == Decision.FOUND
    assert key.open(ada, flag.sealed_ref) == f"{ADA}/post/1"
    assert b"secret" not in codec.encode(flag) + codec.encode(act)


def test_the_same_post_has_the_same_finding_however_often_and_whenever_it_is_met(
    watched: tuple[Town, Stern],
) -> None:
    town, _ = watched
    town.enrol(ADA)
    (_, first), (_, again) = (
        town.addressing.events((wrote(ADA, ADA, "x"),), at_ms) for at_ms in (NOW_MS, NOW_MS + 10**9)
    )
    assert replace(first, sealed_ref=b"") == replace(again, sealed_ref=b"")


def test_what_was_decided_since_stands_when_the_post_is_met_again(watched: tuple[Town, Stern]) -> None:
    town, _ = watched
    town.enrol(ADA)
    _, flag = town.events(wrote(ADA, ADA, "x"))
    taken_back = replace(flag, id=EventId(5), observed_ms=NOW_MS, withdrawn=True)
    for order in ([flag, taken_back, flag], [taken_back, flag], [flag, flag, taken_back]):
        state = fold(State.empty(), frame(order), load()).state
        assert state.flags["withdrawn"].to_list() == [True]


def test_an_edited_post_has_one_finding_of_its_newest_version(watched: tuple[Town, Stern]) -> None:
    town, _ = watched
    town.enrol(ADA)
    first = town.events(wrote(ADA, ADA, "x", version="1"))
    second = town.events(wrote(ADA, ADA, "y", version="2", at_ms=AT_MS + 1))
    flags = [event for event in (*first, *second) if event.kind == Kind.FLAG]
    assert len({flag.id for flag in flags}) == 2
    assert len({flag.ref_id for flag in flags}) == 1
    clean = town.events(wrote(ADA, ADA, "fine", version="3", at_ms=AT_MS + 2))
    assert Kind.FLAG not in {event.kind for event in clean}


def test_only_what_the_enrolled_wrote_themselves_is_read(watched: tuple[Town, Stern]) -> None:
    town, stern = watched
    town.enrol(ADA)
    assert [event.kind for event in town.events(wrote(ADA, BO, "of a stranger"))] == [Kind.ACTIVITY]
    assert town.events(wrote(BO, BO, "of a stranger")) == []
    assert stern.read_texts == []
    town.events(wrote(ADA, ADA, "x" * 10**6))
    assert stern.read_texts == ["x" * TEXT_CHARS_MAX]


def test_a_moderator_that_fails_accuses_nobody_and_tells_nobody_the_text(
    watched: tuple[Town, Stern], capsys: pytest.CaptureFixture[str]
) -> None:
    town, _ = watched
    town.enrol(ADA)
    assert [event.kind for event in town.events(wrote(ADA, ADA, "fail"))] == [Kind.ACTIVITY]
    assert town.addressing.reading.counts["failed"] == 1
    told = "".join(capsys.readouterr())
    assert "RuntimeError" in told
    assert "'fail'" not in told
