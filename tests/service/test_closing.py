"""The end of a day: everybody's score as it stood at the tick, whatever comes at once after it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from tests.service.logs import DAY_MS, NOW_MS, Record, events, records

from presence.batch.letters import Topic
from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Kind,
    Network,
    Object,
    PersonId,
    Verb,
)
from presence.log import codec, revision
from presence.model.spec import load
from presence.scoring import partition as module
from presence.scoring.partition import Partition
from presence.scoring.store import Store
from presence.v1 import score_pb2

Open = Callable[[str], Partition]
MONDAY_MS = 20_780 * DAY_MS
"""2026-11-23T00:00Z."""


def publish(partition: Partition) -> tuple[dict[str, bytes | None], dict[bytes, bytes]]:
    """Publish until nothing is left; the newest scores, and the history by person and day."""
    scores: dict[str, bytes | None] = {}
    history: dict[bytes, bytes] = {}
    while publication := partition.due():
        scores |= dict(publication.scores)
        history |= {
            letter.key: letter.value for letter in publication.letters if letter.topic == Topic.HISTORY
        }
        partition.published(publication)
    return scores, history


def act(number: int, observed_ms: int, person: str = "p_0") -> Event:
    return Event(
        kind=Kind.ACTIVITY, id=EventId(number), person=PersonId(person), network=Network("x"),
        account=AccountHash(1), direction=Direction.TO, verb=Verb.LIKE, object=Object.NOTE,
        actor=ActorHash(number + 1), occurred_ms=observed_ms, observed_ms=observed_ms, magnitude=1,
    )  # fmt: skip


def tick(time_ms: int) -> Event:
    return Event(kind=Kind.CLOCK, observed_ms=time_ms)


def score(value: bytes | None) -> score_pb2.Score:
    return score_pb2.Score.FromString(value or b"")


@pytest.mark.parametrize("size", [1, 7, 150])
@pytest.mark.parametrize("sweep", [1, 1000])
def test_any_batching_and_any_sweep_gives_the_same_history_and_scores(
    size: int,
    sweep: int,
    open_partition: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lived = list(events(600, seed=3))
    lived[::50] = [tick(NOW_MS + day * DAY_MS) for day in range(12)]
    log = records(lived)
    whole, parts = open_partition("whole"), open_partition("parts")
    whole.apply(log)
    expected_scores, expected = publish(whole)
    monkeypatch.setattr(module, "SWEEP_PEOPLE_MAX", sweep)
    scores: dict[str, bytes | None] = {}
    history: dict[bytes, bytes] = {}
    for start in range(0, len(log), size):
        parts.apply(log[start : start + size])
        if start % 3 == 0:  # Now and then one publication, in the middle of a sweep or not.
            publication = parts.due()
            scores |= dict(publication.scores)
            history |= {each.key: each.value for each in publication.letters if each.topic == Topic.HISTORY}
            parts.published(publication)
    last_scores, last = publish(parts)
    assert history | last == expected
    assert scores | last_scores == expected_scores
    assert len({key.partition(b"/")[2] for key in expected}) > 9


def test_a_closing_is_the_score_at_the_tick_whatever_follows_in_the_same_batch(open_partition: Open) -> None:
    log = [act(1, MONDAY_MS - 5000), act(2, MONDAY_MS - 4000), tick(MONDAY_MS), act(3, MONDAY_MS + 1000)]
    partition, until_tick = open_partition("a"), open_partition("b")
    partition.apply(records(log))
    until_tick.apply(records(log[:3]))
    _, history = publish(partition)
    at_tick, _ = publish(until_tick)
    assert list(history) == [f"p_0/{date(2026, 11, 22)}".encode()]
    closing, then = score(next(iter(history.values()))), score(at_tick["p_0"])
    assert closing.presence_millipoints == then.presence_millipoints
    assert closing.revision == then.revision == revision.encode(revision.Revision(3, 2))
    assert closing.events == 2


def test_changes_are_against_the_closings_of_one_seven_and_thirty_days_ago(open_partition: Open) -> None:
    partition = open_partition("a")
    offset, closings = 0, {}
    for day in range(1, 40):
        now = MONDAY_MS + day * DAY_MS
        log = [act(day, now - 1000), tick(now)]
        partition.apply(
            [
                Record(offset + at, each.person.encode() or None, codec.encode(each))
                for at, each in enumerate(log)
            ]
        )
        offset += 2
        _, history = publish(partition)
        closings[day] = score(next(iter(history.values())))
    now = MONDAY_MS + 39 * DAY_MS
    partition.apply([Record(offset, b"p_0", codec.encode(act(99, now + 1)))])
    found = score(publish(partition)[0]["p_0"])
    for days, change in (
        (1, found.day_change_millipoints),
        (7, found.week_change_millipoints),
        (30, found.month_change_millipoints),
    ):
        assert change == found.presence_millipoints - closings[40 - days].presence_millipoints
    assert (
        closings[2].day_change_millipoints
        == closings[2].presence_millipoints - closings[1].presence_millipoints
    )
    assert not closings[1].HasField("day_change_millipoints")
    assert not closings[7].HasField("week_change_millipoints")
    assert closings[8].HasField("week_change_millipoints")


def test_who_comes_after_the_tick_has_no_closing_of_that_day(open_partition: Open) -> None:
    partition = open_partition("a")
    partition.apply(records([tick(MONDAY_MS), act(1, MONDAY_MS + 1)]))
    assert publish(partition)[1] == {}


def test_a_tick_of_the_same_day_closes_nothing_again(open_partition: Open) -> None:
    partition = open_partition("a")
    partition.apply(records([act(1, MONDAY_MS - 1), tick(MONDAY_MS), tick(MONDAY_MS), tick(MONDAY_MS + 1)]))
    assert len(publish(partition)[1]) == 1


def test_a_crash_in_the_middle_of_a_sweep_loses_no_closing(
    tmp_path: Path,
    open_partition: Open,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = records(
        [*(act(n, MONDAY_MS - 9, f"p_{n}") for n in range(20)), tick(MONDAY_MS), act(1, MONDAY_MS + 1, "p_7")]
    )
    monkeypatch.setattr(module, "SWEEP_PEOPLE_MAX", 3)
    first = Partition(3, Store(tmp_path / "cut"), load())
    first.apply(log)
    first.due()
    first.store.close()  # What was due has not been published.
    second, whole = open_partition("cut"), open_partition("whole")
    whole.apply(log)
    assert publish(second) == publish(whole)
