"""The judge of chaos must find what is wrong: scores of real workers' code are right, and wrong once they are touched."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.service.logs import records

from presence.chaos import stores, verdict
from presence.chaos.story import Story
from presence.chaos.verdict import PartitionLog, Truth, judge
from presence.chaos.watcher import Published
from presence.events.vocabulary import Event, EventId, Kind, PersonId
from presence.log.topics import DAY_MS
from presence.model.spec import load
from presence.scoring.ownership import claim
from presence.scoring.partition import Partition
from presence.v1.score_pb2 import Score

MODEL = load()
Scores = dict[str, Published]


def log_of(events: list[Event]) -> PartitionLog:
    last: dict[str, int] = {event.person: at for at, event in enumerate(events) if event.person}
    return PartitionLog(events=events, records=len(events), last_offsets=last, end=len(events))


def scored(events: list[Event], folder: Path) -> Scores:
    """What a worker publishes of `events`, in batches of 100."""
    partition = Partition(0, claim(folder), MODEL)
    log = records(events)
    for begin in range(0, len(log), 100):
        partition.apply(log[begin : begin + 100])
    published = {person: Published(0, value) for person, value in partition.due().scores}
    partition.store.close()
    return published


@pytest.fixture(scope="module")
def events() -> list[Event]:
    return list(Story(3, 1_500, 40, clock_jumps=True))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def published(events: list[Event], data: Path) -> Scores:
    return scored(events, data / "scoring" / "partition-0")


@pytest.fixture(scope="module")
def truth(events: list[Event]) -> Truth:
    return verdict.truth(log_of(events), MODEL)


def touched(published: Scores, change: Callable[[Score], object]) -> tuple[str, Scores]:
    """The scores with one person's changed."""
    person = max(published, key=lambda each: len(published[each].value or b""))
    score = Score.FromString(published[person].value or b"")
    change(score)
    return person, {**published, person: Published(0, score.SerializeToString())}


def test_what_scoring_publishes_is_right(published: Scores, truth: Truth) -> None:
    found = judge([truth], published, MODEL)
    assert found.people > 30
    assert not found.wrong
    assert not found.as_of_behind
    assert any(each.value is None for each in published.values()), "nobody is erased"


@pytest.mark.parametrize(
    "field", ["presence_millipoints", "conduct_factor_micro", "evidence_millievents", "events", "kind"]
)
def test_a_score_that_is_off_by_one_differs(field: str, published: Scores, truth: Truth) -> None:
    person, wrong = touched(published, lambda score: setattr(score, field, getattr(score, field) + 1))
    assert [each.person for each in judge([truth], wrong, MODEL).differing] == [person]


@pytest.mark.parametrize("part", ["accounts", "waterfall"])
def test_a_reason_that_is_lost_differs(part: str, published: Scores, truth: Truth) -> None:
    person, wrong = touched(published, lambda score: getattr(score, part).pop())
    found = judge([truth], wrong, MODEL).differing
    assert [(each.person, each.fields) for each in found] == [(person, [part])]


def test_a_score_of_an_earlier_time_must_be_right_then_and_now(published: Scores, truth: Truth) -> None:
    def a_year_before(score: Score) -> None:
        score.as_of_time.FromMilliseconds(score.as_of_time.ToMilliseconds() - 365 * DAY_MS)

    person, wrong = touched(published, a_year_before)
    found = judge([truth], wrong, MODEL)
    assert [each.person for each in found.differing] == [person]
    assert found.as_of_behind == 1


def test_who_is_not_published_is_missing_and_who_is_nobody_is_extra(published: Scores, truth: Truth) -> None:
    left_out = next(person for person, each in published.items() if each.value is not None)
    wrong = {person: each for person, each in published.items() if person != left_out}
    found = judge([truth], {**wrong, "p_stranger": Published(0, b"")}, MODEL)
    assert (found.missing, found.extra) == ([left_out], ["p_stranger"])


def test_a_store_is_compared_row_by_row(
    published: Scores, events: list[Event], data: Path, truth: Truth
) -> None:
    assert published
    assert stores.differing(data, {0: truth}) == []
    more = [*events, replace(next(each for each in events if each.kind == Kind.ACTIVITY), id=EventId(1))]
    other = stores.differing(data, {0: verdict.truth(log_of(more), MODEL)})
    assert any("ledger" in each for each in other)
    assert any("offset" in each for each in other)


def test_a_store_without_somebody_differs(published: Scores, events: list[Event], data: Path) -> None:
    assert published
    stranger = Event(kind=Kind.ENROLLED, person=PersonId("p_new"), observed_ms=events[0].observed_ms)
    wanted = verdict.truth(log_of([*events, stranger]), MODEL)
    assert any("people" in each for each in stores.differing(data, {0: wanted}))
