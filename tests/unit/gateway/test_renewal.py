"""A read model in which somebody was erased goes on as a copy: the same answers, and no byte of them."""

import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from tests.limits import no_longer_file_than, no_more_files_than

from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import PersonId
from presence.gateway.rows import Change
from presence.gateway.session import new_session
from presence.gateway.tables import copy
from presence.gateway.write_model import WriteModel

Make = Callable[..., Change]
Person = Callable[[int], PersonId]
PEOPLE = 300
GONE = 7
MARK = "only-the-erased-has-this"

READER = """
import sys
from pathlib import Path
from presence.gateway.read_model import ReadModel
home, session, person = sys.argv[1:]
with ReadModel(Path(home)) as model:
    for _ in sys.stdin:
        seen = model.seen(bytes.fromhex(session))
        print(seen and seen.positions, len(model.score(person) or b""), flush=True)
"""


def _apply(model: WriteModel, *changes: Change, positions: tuple[int, int]) -> None:
    model.apply(changes, positions=positions, now_ms=0)


def _tables(model: WriteModel) -> dict[str, list[tuple[bytes, bytes]]]:
    with model._env.begin() as txn:  # noqa: SLF001
        tables = model._tables.items()  # noqa: SLF001
        return {name: list(txn.cursor(table)) for name, table in tables if name != "meta"}


def _data(home: Path) -> bytes:
    (file,) = home.rglob("data.mdb")
    return file.read_bytes()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "model"


@pytest.fixture
def erased(model: WriteModel, change: Make, person: Person) -> WriteModel:
    """Of many people one is erased, from all that is kept of them."""
    for number in range(PEOPLE):
        more = {"model": {"name": MARK}} if number == GONE else {}
        _apply(
            model, change(number, number, number, presence=number * 10, **more), positions=(number, number)
        )
    model.apply_records("roster", [(person(GONE).encode(), MARK.encode())], positions=(1, 1))
    model.apply_records("roster", [(person(GONE).encode(), None)], positions=(2, 2))
    _apply(model, change(GONE, PEOPLE, PEOPLE, erased=True), positions=(PEOPLE + 1, PEOPLE + 1))
    return model


def test_only_an_erasure_asks_for_it(model: WriteModel, change: Make) -> None:
    _apply(model, change(1, 1, 1), change(2, 2, 2), positions=(3, 3))
    model.apply_records("roster", [(b"p_nobody", None)], positions=(1, 1))
    assert not model.is_unclean
    _apply(model, change(1, 4, 4, erased=True), positions=(5, 5))
    assert model.is_unclean
    model.renew()
    assert not model.is_unclean
    assert model.compact(until_ms=1) == 1
    assert model.is_unclean, "their id was kept for watches until now"


def test_the_copy_says_the_same_and_has_no_byte_of_them(
    erased: WriteModel, change: Make, person: Person, home: Path
) -> None:
    assert MARK.encode() in _data(home), "LMDB leaves pages as they were"
    before, positions = _tables(erased), erased.positions
    erased.renew()
    assert (_tables(erased), erased.positions) == (before, positions)
    assert [path.name for path in home.iterdir()] == ["2"]
    assert MARK.encode() not in _data(home)
    assert person(GONE).encode() in _data(home), "watches that resume are told"
    erased.compact(until_ms=1)
    erased.renew()
    assert person(GONE).encode() not in _data(home)
    _apply(erased, change(1, 900, 900, presence=77), positions=(901, 901))
    assert erased.positions == (901, 901)


def test_a_server_goes_on_with_the_copy(erased: WriteModel, change: Make, person: Person, home: Path) -> None:
    session = new_session()
    erased.serve(session)
    command = [sys.executable, "-c", READER, str(home), session.hex(), person(2)]
    reader = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def asked() -> str:
        assert reader.stdin is not None
        assert reader.stdout is not None
        reader.stdin.write("\n")
        return reader.stdout.readline().strip()

    try:
        first = asked()
        assert first.startswith(f"({PEOPLE + 1}, {PEOPLE + 1}) ")
        for offset in range(1_000, 1_003):
            erased.renew()
            _apply(
                erased, change(2, offset, offset, model={"name": "x" * offset}), positions=(offset, offset)
            )
            assert asked() == f"({offset}, {offset}) {len(erased.score(person(2)) or b'')}"
        # One that looks only after several copies finds the newest all the same.
        erased.renew()
        erased.renew()
        assert asked() == f"(1002, 1002) {len(erased.score(person(2)) or b'')}"
    finally:
        reader.kill()
        reader.communicate()


def test_what_a_kill_leaves_goes_at_the_next_start(change: Make, home: Path) -> None:
    with WriteModel(home) as model:
        model.begin(b"here4now", (0, 0))  # type: ignore[arg-type]
        _apply(model, change(1, 1, 1), positions=(2, 2))
        (home / "2").mkdir()
        copy(model._opened, home / "2")  # noqa: SLF001
    for name in ("3.part", "0.gone"):
        (home / name).mkdir()
    (home / "data.mdb").write_bytes(b"of before there were numbers")
    (home / "lock").touch()
    with WriteModel(home) as model:
        assert model.positions == (2, 2)
        assert sorted(path.name for path in home.iterdir()) == ["2", "lock"]


@pytest.mark.parametrize(
    "limited", [no_longer_file_than(4_096), no_more_files_than(2)], ids=["room", "files"]
)
def test_without_what_it_takes_it_goes_on_as_it_was(
    erased: WriteModel, change: Make, home: Path, limited: AbstractContextManager[None]
) -> None:
    with limited, pytest.raises(SourceUnavailable, match="cannot be renewed"):
        erased.renew()
    assert [path.name for path in home.iterdir()] == ["1"]
    assert erased.is_unclean
    _apply(erased, change(1, 900, 900), positions=(901, 901))
    erased.renew()
    assert (erased.positions, erased.is_unclean) == ((901, 901), False)


def test_who_reads_for_the_metrics_meanwhile_is_not_disturbed(erased: WriteModel) -> None:
    found: list[Any] = []
    stopping = threading.Event()

    def read() -> None:
        while not stopping.is_set():
            try:
                found.append(erased.people_above(1, -1) + erased.people_above(0, -1))
            except BaseException as error:  # noqa: BLE001
                found.append(error)

    reading = threading.Thread(target=read)
    reading.start()
    for _ in range(20):
        erased.renew()
    stopping.set()
    reading.join()
    assert set(found) == {PEOPLE - 1}
