"""Who is connected to whom, whatever came in which order, and who drops out."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from presence.associates.book import TAKEN_BACK, Book, Closing
from presence.associates.service import record_of
from presence.associates.ties import FOLLOW, NOBODY, REACTION, Company, Tie, company
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
from presence.log.topics import DAY_MS

ADA, BO, CY = PersonId("p_ada"), PersonId("p_bo"), PersonId("p_cy")
BLUESKY, X = Network("bluesky"), Network("x")
NOW_MS = 20_000 * DAY_MS


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path / "book")
    yield made
    made.close()


def to(person: PersonId, actor: PersonId, verb: Verb, number: int, network: Network = BLUESKY) -> Event:
    """That `actor` did something to `person`."""
    return Event(
        kind=Kind.ACTIVITY, id=EventId(number), person=person, network=network, account=AccountHash(1),
        direction=Direction.TO, verb=verb, actor=ActorHash(7), actor_person=actor, magnitude=1,
        occurred_ms=NOW_MS, observed_ms=NOW_MS,
    )  # fmt: skip


def weights(book: Book, person: PersonId, *events: Event) -> dict[PersonId, int]:
    book.apply("log", 0, events, next_offset=book.offsets("log").get(0, 0) + len(events))
    with book.reading() as reader:
        return reader.weights(person)


def test_what_is_nobodys_says_nothing_of_anybody(book: Book) -> None:
    watermark = Event(kind=Kind.WATERMARK, network=BLUESKY, complete_ms=NOW_MS, observed_ms=NOW_MS)
    assert weights(book, ADA, watermark, to(ADA, BO, Verb.LIKE, 1), to(BO, ADA, Verb.LIKE, 2)) == {
        BO: REACTION
    }
    assert book.offsets("log") == {0: 3}


def test_only_what_goes_both_ways_connects(book: Book) -> None:
    assert weights(book, ADA, to(ADA, BO, Verb.FOLLOW, 1)) == {}
    assert weights(book, ADA, to(BO, ADA, Verb.LIKE, 2)) == {BO: REACTION}
    assert weights(book, BO) == {ADA: REACTION}
    assert weights(book, ADA, to(BO, ADA, Verb.FOLLOW, 3)) == {BO: FOLLOW}
    assert weights(book, ADA, to(ADA, BO, Verb.CREATE, 4)) == {BO: FOLLOW + REACTION}


def test_the_same_act_counts_once_and_however_many_reactions_are_one(book: Book) -> None:
    likes = [to(ADA, BO, Verb.LIKE, number) for number in (1, 2, 3, 3)]
    assert weights(book, ADA, *likes, to(BO, ADA, Verb.LIKE, 9)) == {BO: REACTION}
    undone = [
        Event(kind=Kind.UNDO, person=ADA, ref_id=EventId(each), observed_ms=NOW_MS) for each in (1, 2, 2)
    ]
    assert weights(book, ADA, *undone) == {BO: REACTION}
    assert weights(book, ADA, replace(undone[0], ref_id=EventId(3))) == {}
    assert weights(book, ADA, likes[0]) == {}  # Once taken back, for ever.


def test_messages_and_views_connect_nobody(book: Book) -> None:
    for verb in (Verb.MESSAGE, Verb.VIEW, Verb.INVITE, Verb.REVIEW):
        assert weights(book, ADA, to(ADA, BO, verb, int(verb)), to(BO, ADA, verb, int(verb))) == {}


def test_unlinking_takes_both_ends_of_that_networks_ties(book: Book) -> None:
    both = [to(ADA, BO, Verb.FOLLOW, 1), to(BO, ADA, Verb.FOLLOW, 2)]
    on_x = [to(ADA, BO, Verb.LIKE, 3, X), to(BO, ADA, Verb.LIKE, 4, X)]
    assert weights(book, ADA, *both, *on_x) == {BO: FOLLOW + REACTION}
    gone = Event(
        kind=Kind.UNLINKED, person=ADA, network=BLUESKY, account=AccountHash(1), observed_ms=NOW_MS + 1
    )
    assert weights(book, ADA, gone) == {BO: REACTION}
    assert weights(book, BO) == {ADA: REACTION}


def test_the_erased_drop_out_and_do_not_come_back(book: Book) -> None:
    ties = [to(ADA, BO, Verb.FOLLOW, 1), to(BO, ADA, Verb.FOLLOW, 2)]
    assert weights(book, ADA, *ties) == {BO: FOLLOW}
    erased = Event(kind=Kind.ERASED, person=BO, observed_ms=NOW_MS)
    assert weights(book, ADA, erased, *ties, to(BO, ADA, Verb.LIKE, 5)) == {}
    assert weights(book, BO) == {}


def test_the_book_is_the_same_in_any_batches_and_after_a_kill(tmp_path: Path) -> None:
    chance = random.Random(3)
    people = [ADA, BO, CY]
    events = []
    for number in range(300):
        person, actor = chance.sample(people, 2)
        events.append(to(person, actor, chance.choice([Verb.FOLLOW, Verb.LIKE]), number))
        if chance.random() < 0.7:
            ref = EventId(chance.randrange(number + 1))
            events.append(Event(kind=Kind.UNDO, person=chance.choice(people), ref_id=ref, observed_ms=NOW_MS))
    found = []
    for name, sizes in (("one", [len(events)]), ("many", [7] * 100)):
        book, at = Book(tmp_path / name), 0
        for size in sizes:
            book.apply("log", 0, events[at : at + size], next_offset=at + size)
            at += size
            if name == "many":
                book.close()
                book = Book(tmp_path / name)
        with book.reading() as reader:
            found.append([reader.weights(person) for person in people])
        book.close()
    assert found[0] == found[1]
    assert any(found[0])


def test_closing_scores_are_kept_for_some_days_and_those_taken_back_are_known_as_such(book: Book) -> None:
    days = [Closing(ADA, day, 1_000 * day) for day in range(1, 6)]
    book.close_days("history", 0, [*days, Closing(BO, 5, TAKEN_BACK)], next_offset=6)
    with book.reading() as reader:
        assert [reader.score(ADA, day) for day in range(1, 6)] == [None, None, 3_000, 4_000, 5_000]
        assert reader.score(BO, 5) == TAKEN_BACK
        assert reader.score(CY, 5) is None


def test_the_company_is_a_weighted_mean_and_names_the_weightiest() -> None:
    assert company([]) == NOBODY
    ties = [Tie(PersonId(f"p_{number:03}"), 1, number * 100) for number in range(80)]
    found = company([*ties, Tie(CY, 4, 90_000)])
    assert found.number == 81
    assert found.mean == (sum(tie.score for tie in ties) + 4 * 90_000) // 84
    assert (len(found.named), found.named[:2]) == (50, (CY, PersonId("p_079")))


def test_the_record_of_a_cut_is_the_same_wherever_it_is_written() -> None:
    found = Company(70_000, 2, (ADA, BO))
    assert record_of(CY, found, NOW_MS) == record_of(CY, found, NOW_MS)
    others = {record_of(ADA, found, NOW_MS).id, record_of(CY, found, NOW_MS + DAY_MS).id}
    assert record_of(CY, found, NOW_MS).id not in others
