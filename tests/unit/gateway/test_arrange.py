"""Arranging everybody at once: the same orders and ranks as when people came one after the other."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lmdb
import pytest

from presence.gateway.resume import DeploymentId
from presence.gateway.rows import Change
from presence.gateway.write_model import WriteModel
from presence.v1.event_pb2 import PersonKind
from presence.v1.score_pb2 import Pillars

Make = Callable[..., Any]
DEPLOYMENT = DeploymentId(b"here4now")
PEOPLE = 300
LARGEST = 100_000


def arranged_tables(model: WriteModel) -> dict[str, list[tuple[bytes, bytes]]]:
    with model._reading() as txn:  # noqa: SLF001 (what is stored is what must be the same)
        return {name: rows_of(txn.cursor(model._tables[name])) for name in ("order", "ranks")}  # noqa: SLF001


def rows_of(cursor: lmdb.Cursor) -> list[tuple[bytes, bytes]]:
    return [(bytes(key), bytes(value)) for key, value in cursor]


def begun(folder: Path) -> WriteModel:
    model = WriteModel(folder)
    model.begin(DEPLOYMENT, (0, 0))
    return model


def apply(model: WriteModel, changes: Sequence[Change]) -> None:
    model.apply(changes, positions=(10_000, 10_000), now_ms=1)


@pytest.fixture
def changes(change: Make) -> list[Change]:
    """People of every kind, many with equal figures; every third changes again, and every seventh is erased."""
    chance = random.Random(11)
    kinds = PersonKind.values()

    def figure() -> int:
        return chance.choice((0, 255, 256, 1000, LARGEST))

    def made(number: int, offset: int, **more: Any) -> Change:
        pillars = Pillars(**{field.name: figure() for field in Pillars.DESCRIPTOR.fields})
        kind = kinds[number % len(kinds)]
        made_of: Change = change(
            number, offset, offset, presence=figure(), kind=kind, pillars=pillars, **more
        )
        return made_of

    first = [made(number, number) for number in range(PEOPLE)]
    again = [made(number, PEOPLE + number) for number in range(0, PEOPLE, 3)]
    erased = [made(number, 2 * PEOPLE + number, erased=True) for number in range(0, PEOPLE, 7)]
    return first + again + erased


def test_everybody_at_once_stands_where_one_after_the_other_does(
    tmp_path: Path, changes: list[Change]
) -> None:
    with begun(tmp_path / "at once") as at_once, begun(tmp_path / "by row") as by_row:
        apply(at_once, changes)
        assert arranged_tables(at_once) == {"order": [], "ranks": []}
        at_once.arrange()
        by_row.arrange()
        apply(by_row, changes)
        expected = arranged_tables(by_row)
        assert expected["order"]
        assert expected["ranks"]
        assert arranged_tables(at_once) == expected


def test_what_changes_afterwards_moves(tmp_path: Path, changes: list[Change]) -> None:
    with begun(tmp_path / "at once") as at_once, begun(tmp_path / "by row") as by_row:
        by_row.arrange()
        for model in (at_once, by_row):
            apply(model, changes[:PEOPLE])
            model.arrange()
            apply(model, changes[PEOPLE:])
        assert arranged_tables(at_once) == arranged_tables(by_row)


def test_killed_before_it_was_done_it_is_arranged_by_the_next(tmp_path: Path, changes: list[Change]) -> None:
    with begun(tmp_path / "model") as model:
        apply(model, changes)
        # As a kill leaves it: some of the orders are there, and nobody has said that all are.
        model._write(lambda txn: txn.put(b"\0\0half", b"", db=model._order))  # noqa: SLF001
    with WriteModel(tmp_path / "model") as model:
        model.arrange()
        arranged = arranged_tables(model)
    with begun(tmp_path / "by row") as by_row:
        by_row.arrange()
        apply(by_row, changes)
        assert arranged == arranged_tables(by_row)


def test_a_model_that_is_arranged_stays_so_after_it_was_closed(tmp_path: Path, changes: list[Change]) -> None:
    with begun(tmp_path / "model") as model:
        model.arrange()
    with WriteModel(tmp_path / "model") as model:
        apply(model, changes)
        assert arranged_tables(model)["order"]
