"""The read model in LMDB: what a record changes, what survives, and in which order it is read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import pytest

from presence.events.vocabulary import PersonId
from presence.gateway.resume import DeploymentId, Positions
from presence.gateway.rows import Change
from presence.gateway.wire import framed
from presence.gateway.write_model import WriteModel
from presence.v1.service_pb2 import BatchGetScoresResponse

Make = Callable[..., Any]
Person = Callable[[int], PersonId]
ALL = 2**20


def _people(scores: list[bytes]) -> list[str]:
    return [score.person for score in BatchGetScoresResponse.FromString(b"".join(scores)).scores]


def _apply(model: WriteModel, *changes: Change, positions: Positions = (100, 100)) -> object:
    return model.apply(changes, positions=positions, now_ms=1)


def test_the_stored_bytes_come_back_as_they_were(model: WriteModel, change: Make, person: Person) -> None:
    one = change(1, 0, 5)
    _apply(model, one)
    assert model.score(person(1)) == one.row.score
    assert model.scores([person(2), person(1)]) == ([framed(one.row.score)], [person(2)])


def test_an_older_revision_never_replaces_a_newer_one(
    model: WriteModel, change: Make, person: Person
) -> None:
    newer, older = change(1, 0, 5), change(1, 1, 4, presence=9)
    applied = model.apply([newer, older], positions=(0, 2), now_ms=1)
    assert (applied.older, applied.changed) == (1, {person(1)})
    assert model.score(person(1)) == newer.row.score


def test_the_same_score_again_is_no_change(model: WriteModel, change: Make) -> None:
    _apply(model, change(1, 0, 5))
    applied = model.apply([change(1, 1, 5)], positions=(0, 2), now_ms=1)
    assert (applied.repeated, applied.changed) == (1, set())
    assert model.changes((0, 1), (0, 2), bytes_max=ALL).scores == []


def test_another_evaluation_of_the_same_revision_counts(
    model: WriteModel, change: Make, person: Person
) -> None:
    again = change(1, 1, 5, presence=2000)
    _apply(model, change(1, 0, 5), again)
    assert model.score(person(1)) == again.row.score


def test_a_tombstone_removes_the_score_from_every_reading(
    model: WriteModel, change: Make, person: Person
) -> None:
    applied = model.apply([change(1, 0, 5), change(1, 1, 0, erased=True)], positions=(0, 2), now_ms=1)
    assert (applied.erased, applied.changed) == (1, set())
    assert model.score(person(1)) is None
    assert model.changes((0, 0), (0, 2), bytes_max=ALL).scores == []
    assert model.changes_of([person(1)], (0, 0), (0, 2), bytes_max=ALL).scores == []


def test_everybody_is_read_once_at_their_newest_change(
    model: WriteModel, change: Make, person: Person
) -> None:
    _apply(model, change(1, 0, 1), change(3, 1, 2), change(1, 2, 3), change(2, 0, 1))
    chunk = model.changes((0, 0), (1, 3), bytes_max=ALL)
    assert _people(chunk.scores) == [person(2), person(3), person(1)]
    assert (chunk.reached, chunk.complete) == ((1, 3), True)


def test_what_is_newer_than_the_end_is_left_for_the_next_reading(
    model: WriteModel, change: Make, person: Person
) -> None:
    _apply(model, change(1, 0, 1), change(3, 1, 2), change(1, 2, 3))
    assert _people(model.changes((0, 0), (0, 2), bytes_max=ALL).scores) == [person(3)]
    assert _people(model.changes((0, 2), (0, 3), bytes_max=ALL).scores) == [person(1)]


@pytest.mark.parametrize("everybody", [True, False])
def test_small_chunks_together_are_the_whole(
    model: WriteModel, change: Make, person: Person, everybody: bool
) -> None:
    _apply(model, *(change(number, number // 2, 1) for number in range(20)), positions=(10, 10))
    people = [person(number) for number in range(20)]
    read: list[str] = []
    since: Positions = (0, 0)
    for _ in range(50):
        if everybody:
            chunk = model.changes(since, (10, 10), bytes_max=160)
        else:
            chunk = model.changes_of(people, since, (10, 10), bytes_max=160)
        assert chunk.scores
        read += _people(chunk.scores)
        since = chunk.reached
        if chunk.complete:
            break
    assert sorted(read) == people
    assert since == (10, 10)


def test_one_score_goes_even_if_it_is_larger_than_a_chunk(model: WriteModel, change: Make) -> None:
    _apply(model, change(1, 0, 1), change(3, 1, 1))
    chunk = model.changes((0, 0), (0, 2), bytes_max=1)
    assert (len(chunk.scores), chunk.reached, chunk.complete) == (1, (0, 1), False)


def test_it_is_there_again_after_it_was_closed(tmp_path: Path, change: Make, person: Person) -> None:
    with WriteModel(tmp_path) as first:
        first.begin(DeploymentId(b"8 bytes."), (0, 0))
        first.apply([change(1, 0, 5)], positions=(0, 1), now_ms=77)
    with WriteModel(tmp_path) as second:
        assert second.score(person(1)) == change(1, 0, 5).row.score
        assert (second.positions, second.deployment, second.read_ms) == ((0, 1), b"8 bytes.", 77)


def test_a_failed_batch_leaves_no_trace(model: WriteModel, change: Make, person: Person) -> None:
    broken = change(3, 1, 1)._replace(person=PersonId("p" * 600))
    with pytest.raises(lmdb.BadValsizeError):
        model.apply([change(1, 0, 5), broken], positions=(0, 2), now_ms=1)
    assert model.score(person(1)) is None
    assert model.positions == (0, 0)


def test_begin_forgets_everything(model: WriteModel, change: Make, person: Person) -> None:
    _apply(model, change(1, 0, 5))
    model.begin(DeploymentId(b"another1"), (3, 4, 5))
    assert model.score(person(1)) is None
    assert (model.positions, model.deployment, model.read_ms) == ((3, 4, 5), b"another1", 0)


def test_a_model_of_another_schema_is_forgotten(tmp_path: Path, change: Make, person: Person) -> None:
    with WriteModel(tmp_path) as old:
        old.begin(DeploymentId(b"8 bytes."), (0, 0))
        _apply(old, change(1, 0, 5))
    with lmdb.open(str(tmp_path / "1"), max_dbs=9) as env, env.begin(write=True) as txn:
        txn.put(b"schema", b"0", db=env.open_db(b"meta", txn=txn))
    with WriteModel(tmp_path) as new:
        assert (new.positions, new.score(person(1))) == ((), None)
