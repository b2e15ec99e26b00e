"""A whole replay of files: pieces, segments, buckets and processes change no byte; what is wrong is named."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from tests.service.logs import events, records
from tests.service.test_replayed import live, rows_of

from presence.events.errors import CallerError
from presence.events.lines import write
from presence.log.settings import Settings
from presence.model.spec import load
from presence.replay import pieces, run
from presence.replay.run import Order, replayed
from presence.scoring.partition import Partition

OpenPartition = Callable[[str], Partition]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pieces and many buckets also of a small log."""
    monkeypatch.setattr(pieces, "PIECE_ROWS", 150)
    monkeypatch.setattr(pieces, "PIECE_LINES", 100)
    monkeypatch.setattr(run, "BUCKET_ROWS", 200)


def scores(order: Order, settings: Settings, processes: int = 1) -> dict[str, bytes | None]:
    with replayed(order, settings, lambda _name, _records: lambda _done: None, processes=processes) as done:
        return {
            person: value
            for frame in done.frames()
            for person, value in frame.select("person", "value").iter_rows()
        }


def nothing_left(settings: Settings) -> bool:
    return not [path for path in (settings.data / "replay").rglob("*") if path.is_file()]


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_a_shuffled_repeated_and_differently_cut_copy_gives_the_bytes_of_live_scoring(
    open_partition: OpenPartition, tmp_path: Path, settings: Settings, processes: int
) -> None:
    log = records(list(events(900, 5)))
    wanted = live(open_partition("live"), log, random.Random(5))
    rows = rows_of(log)
    copy = pl.concat([rows, rows.sample(400, seed=processes)]).sample(
        fraction=1, shuffle=True, seed=processes
    )
    folder = tmp_path / "copy"
    folder.mkdir()
    for number, part in enumerate(copy.iter_slices(333)):
        part.write_parquet(folder / f"{number}.parquet")
    assert scores(Order(str(folder), load()), settings, processes) == wanted
    assert nothing_left(settings)


def test_lines_and_rows_of_one_log_give_the_same_scores(tmp_path: Path, settings: Settings) -> None:
    log = list(events(900, 5))
    (tmp_path / "log.jsonl").write_text("\n".join(map(write, log)))
    rows = rows_of(records(log)).with_columns(pl.lit(0, pl.Int32).alias("partition"))
    rows.drop("partition", "offset").write_parquet(tmp_path / "log.parquet")
    of_lines = scores(Order(str(tmp_path / "log.jsonl"), load()), settings)
    assert of_lines == scores(Order(str(tmp_path / "log.parquet"), load()), settings)
    assert len(of_lines) == 5


def test_until_is_what_had_come_by_then(tmp_path: Path, settings: Settings) -> None:
    """By append time where a file has it: the log up to the first record that came later, whatever follows."""
    rows = rows_of(records(list(events(600, 3)))).with_columns(append_ms=1_000 * pl.col("offset"))
    until_ms = int(rows["append_ms"][400])
    late = rows.with_columns(append_ms=pl.when(pl.col("offset") == 300).then(2**50).otherwise("append_ms"))
    paths = {name: tmp_path / f"{name}.parquet" for name in ("whole", "late", "begin", "first")}
    rows.write_parquet(paths["whole"])
    late.sample(fraction=1, shuffle=True, seed=1).write_parquet(paths["late"])
    rows[:401].write_parquet(paths["begin"])
    rows[:300].write_parquet(paths["first"])
    then = scores(Order(str(paths["whole"]), load(), until_ms), settings)
    assert then == scores(Order(str(paths["begin"]), load()), settings)
    cut = scores(Order(str(paths["late"]), load(), until_ms), settings)
    assert cut == scores(Order(str(paths["first"]), load()), settings)


def test_one_person_alone_has_the_score_that_they_have_among_all(tmp_path: Path, settings: Settings) -> None:
    path = tmp_path / "log.parquet"
    rows_of(records(list(events(600, 3)))).write_parquet(path)
    everybody = scores(Order(str(path), load()), settings)
    assert len(everybody) == 5
    for person, value in everybody.items():
        assert scores(Order(str(path), load(), person=person), settings) == {person: value}


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def _of_something_else(path: Path) -> None:
    pl.DataFrame({"name": ["ada"]}).write_parquet(path)


def _flipped_in_a_page(path: Path) -> None:
    """One bit, at full length, in what the file says of when things happened; its pages have checksums."""
    pq.write_table(pl.read_parquet(path).to_arrow(), path, write_page_checksum=True)
    column = next(each for each in _columns(path) if each.path_in_schema == "occurred_ms")
    _flip(path, column.data_page_offset + column.total_compressed_size // 2)


def _columns(path: Path) -> Iterator[pq.ColumnChunkMetaData]:
    about = pq.read_metadata(path)
    return (about.row_group(0).column(number) for number in range(about.num_columns))


def _flip(path: Path, at: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1 << bit
    path.write_bytes(data)


def _with_a_bad_row(path: Path) -> None:
    rows = pl.read_parquet(path)
    changed = pl.when((pl.col("kind") == 2) & (pl.col("offset") > 400)).then(0).otherwise("magnitude")
    rows.with_columns(magnitude=changed).write_parquet(path)


def _with_a_number_that_no_record_holds(path: Path) -> None:
    pl.read_parquet(path).with_columns(rating=pl.lit(2**40)).write_parquet(path)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (_truncated, "cannot be read"),
        (_flipped_in_a_page, "cannot be read"),
        (_of_something_else, "no file of events"),
        (_with_a_bad_row, "magnitude"),
        (_with_a_number_that_no_record_holds, "range"),
        (Path.unlink, "no file, no folder"),
    ],
)
def test_a_file_that_is_wrong_is_named_and_nothing_is_left(
    tmp_path: Path, settings: Settings, damage: Callable[[Path], None], named: str
) -> None:
    path = tmp_path / "log.parquet"
    rows_of(records(list(events(600, 3)))).write_parquet(path)
    damage(path)
    with pytest.raises(CallerError, match=named) as error:
        scores(Order(str(path), load()), settings)
    assert str(path) in str(error.value)
    assert nothing_left(settings)


def test_whatever_bit_of_a_file_without_checksums_is_flipped_it_is_read_or_named(
    tmp_path: Path, settings: Settings
) -> None:
    path, chance = tmp_path / "log.parquet", random.Random(7)
    rows_of(records(list(events(600, 3)))).write_parquet(path)
    good, named = path.read_bytes(), 0
    for _ in range(400):
        path.write_bytes(good)
        _flip(path, chance.randrange(len(good)), chance.randrange(8))
        try:
            for piece in pieces.of_parquet(path):
                piece.read(settings, None)
        except CallerError as error:
            named += str(path) in str(error)
    assert named > 100
