"""What an ingest does about accounts that go: UNLINKED behind its own, and nothing kept on disk."""

from dataclasses import replace
from pathlib import Path

import pytest

from presence.events.vocabulary import (
    AccountHash,
    Direction,
    Event,
    EventId,
    Kind,
    Network,
    Object,
    PersonId,
    Verb,
)
from presence.ingest.cursor import Checkpoint, CursorStore, Places
from presence.ingest.departures import Departures, forget_on_this_machine
from presence.ingest.received import Place, Received, ReceivedIndex
from presence.ingest.recent import Recent, event_id
from presence.ingest.rehearsal import OneEnrolled
from presence.ingest.shape import DEPTH_MAX, SHAPE_BYTES_MAX, shape
from presence.log.settings import Settings
from presence.roster import people
from presence.roster.people import Person

BLUESKY = Network("bluesky")
ADA, BO = PersonId("p_" + "a" * 26), PersonId("p_" + "b" * 26)


class Roster(OneEnrolled):
    """Ada with two accounts, and changes of her entry."""

    def __init__(self) -> None:
        super().__init__(ADA, BLUESKY, "did:plc:1", "did:plc:2")
        self.caught_up = 0

    def catch_up(self) -> None:
        self.caught_up += 1

    @property
    def ada(self) -> Person:
        return self.registry.person(ADA)[0]

    def unlink(self, number: int) -> AccountHash:
        gone = self.ada.accounts[number]
        kept = tuple(each for each in self.ada.accounts if each != gone)
        self.registry.apply(ADA, people.encode(replace(self.ada, accounts=kept)))
        return gone.account

    def erase(self) -> None:
        self.registry.apply(ADA, None)


@pytest.fixture
def roster() -> Roster:
    return Roster()


@pytest.fixture
def received(tmp_path: Path) -> ReceivedIndex:
    return ReceivedIndex(tmp_path / "ingest" / "bluesky" / "presence" / "received")


def act(account: AccountHash) -> Event:
    return Event(
        kind=Kind.ACTIVITY, id=EventId(5), person=ADA, network=BLUESKY, account=account,
        direction=Direction.BY, verb=Verb.CREATE, object=Object.NOTE, observed_ms=5,
    )  # fmt: skip


def test_an_unlinked_account_is_said_once_and_an_erased_person_not(
    roster: Roster, received: ReceivedIndex, tmp_path: Path
) -> None:
    departures = Departures(BLUESKY, roster, received, tmp_path / "imports")
    assert list(departures.events()) == []
    gone = roster.unlink(0)
    said = list(departures.events())
    assert [(each.kind, each.person, each.account) for each in said] == [(Kind.UNLINKED, ADA, gone)]
    assert list(departures.events()) == []
    roster.erase()
    assert list(departures.events()) == []


def test_what_a_killed_ingest_sent_after_the_unlinking_is_taken_out(
    roster: Roster, received: ReceivedIndex, tmp_path: Path
) -> None:
    gone, kept = roster.unlink(0), roster.ada.accounts[0].account
    unlinked = replace(act(gone), kind=Kind.UNLINKED)
    for log, said in (
        ([act(gone)], [gone]),
        ([act(kept)], []),
        ([act(gone), unlinked], []),
        ([act(gone), unlinked, act(gone)], [gone]),
        ([replace(act(gone), network=Network("x"))], []),
        ([replace(act(gone), person=BO)], []),
    ):
        departures = Departures(BLUESKY, roster, received, tmp_path / "imports")
        for event in log:
            departures.met(event)
        assert [each.account for each in departures.events()] == said


def test_the_index_forgets_who_is_erased_and_nobody_else(
    roster: Roster, received: ReceivedIndex, tmp_path: Path
) -> None:
    rows = {f"at://{number}": [Received(ADA, EventId(number), 5)] for number in range(50)}
    rows["at://both"] = [Received(ADA, EventId(1), 5), Received(BO, EventId(2), 5)]
    rows["at://bo"] = [Received(BO, EventId(3), 5)]
    for record, made in rows.items():
        received.put(record, made)
    received.commit()
    departures = Departures(BLUESKY, roster, received, tmp_path / "imports")
    departures.step()
    departures.step()
    assert list(received.find("at://both")) == [Received(ADA, EventId(1), 5)], "nobody is enrolled as Bo"
    assert list(received.find("at://bo")) == []
    assert len([1 for record in rows if list(received.find(record))]) == 51
    roster.erase()
    for _ in range(3):
        departures.step()
    assert not [record for record in rows if list(received.find(record))]
    assert roster.caught_up > 0, "who is not known is looked up before anything is dropped"


def test_a_scrub_goes_on_where_it_was(received: ReceivedIndex) -> None:
    for number in range(100):
        received.put(str(number), [Received(ADA, EventId(number), 5)])
    received.commit()
    at: Place | None = Place()
    steps = 0
    while at is not None:
        at, steps = received.scrub(at, 7, lambda _person: False), steps + 1
    assert steps == 100 // 7 + 2
    assert not [number for number in range(100) if list(received.find(str(number)))]


def test_places_name_nobody_and_go_with_an_account(tmp_path: Path) -> None:
    places = Places(tmp_path)
    places.keep_to([AccountHash(1), AccountHash(2)])
    places.save("ada@example.org/notifications", Checkpoint(7, {}))
    places.keep_to([AccountHash(1), AccountHash(2), AccountHash(3)])
    assert places.load("ada@example.org/notifications") == Checkpoint(7, {})
    assert b"ada" not in (tmp_path / "data.mdb").read_bytes()
    places.close()
    again = Places(tmp_path)
    assert again.load("ada@example.org/notifications") == Checkpoint(7, {})
    again.keep_to([AccountHash(2), AccountHash(3)])
    assert again.load("ada@example.org/notifications") is None
    again.close()


def test_this_machines_files_forget_who_is_gone(
    roster: Roster, received: ReceivedIndex, tmp_path: Path
) -> None:
    settings = Settings(data=tmp_path)
    received.put("at://1", [Received(ADA, EventId(1), 5)])
    received.commit()
    received.close()
    account = roster.ada.accounts[0].account
    imports = tmp_path / "ingest" / "bluesky" / "imports" / "presence"
    store = CursorStore(imports)
    store.save(f"export:abc:{ADA}:{account:016x}", Checkpoint(9, {}))
    store.save("jetstream", Checkpoint(9, {}))
    store.close()
    forget_on_this_machine(settings, roster)  # type: ignore[arg-type]  # a roster without a broker
    store = CursorStore(imports)
    assert store.load(f"export:abc:{ADA}:{account:016x}") == Checkpoint(9, {})
    store.close()
    roster.erase()
    forget_on_this_machine(settings, roster)  # type: ignore[arg-type]  # as above
    store = CursorStore(imports)
    assert store.load(f"export:abc:{ADA}:{account:016x}") is None
    assert store.load("jetstream") == Checkpoint(9, {})
    store.close()
    again = ReceivedIndex(tmp_path / "ingest" / "bluesky" / "presence" / "received")
    assert list(again.find("at://1")) == []
    again.close()


def test_an_act_under_an_account_that_was_linked_anew_is_not_known() -> None:
    recent = Recent()
    assert recent.add(event_id(act(AccountHash(1))))
    assert not recent.add(event_id(act(AccountHash(1))))
    assert recent.add(event_id(act(AccountHash(2))))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"did": "did:plc:x", "n": [1, 2, 3, 4], "ok": true}', b'{"did":"text","n":["integer","integer","integer"],"ok":"boolean"}'),
        (b'{"alice.bsky.social": {"@type": null}}', b'{"name":{"@type":"null"}}'),
        (b"did:plc:alice wrote this", b""),
        (b'{"did": "did:plc:x"', b""),
        (b"\xff\xfe", b""),
        (b"", b""),
        (b'"did:plc:alice"', b'"text"'),
        (b"[" * 100_000, b""),
    ],
)  # fmt: skip
def test_a_dead_letter_has_the_shape_and_no_value(data: bytes, found: bytes) -> None:
    assert shape(data) == found


def test_a_shape_is_bounded() -> None:
    deep = b'{"a":' * (DEPTH_MAX + 5) + b'"x"' + b"}" * (DEPTH_MAX + 5)
    assert shape(deep).count(b"{") == DEPTH_MAX
    letters = "abcdefghijklmnopqrstuvwxyz"
    wide = "{" + ",".join(f'"{a}{b}{"z" * 30}":{{"k":"v","m":["v"]}}' for a in letters for b in letters) + "}"
    assert len(shape(wide.encode())) <= SHAPE_BYTES_MAX
