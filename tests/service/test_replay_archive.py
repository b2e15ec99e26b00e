"""A replay of an archive: the scores of the same rows in files of one's own, and what is wrong is named."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from presence.archive.errors import ArchiveBroken, FileDamaged, FileMissing, ManifestDamaged
from presence.cli.bench_replay import fill, settings_of
from presence.log.settings import Settings
from presence.model.spec import load
from presence.replay.report import Report
from presence.replay.run import Order, replayed

EVENTS = 4_000


def report(order: Order, settings: Settings) -> dict[str, object]:
    found = Report()
    with replayed(order, settings, lambda _name, _records: lambda _done: None) as done:
        for frame in done.frames():
            found.add(frame)
    return found.told()


def files(folder: Path, suffix: str) -> list[Path]:
    return sorted(path for path in (folder / "archive").rglob(f"*{suffix}"))


def nothing_left(folder: Path) -> bool:
    return not [path for path in (folder / "replay").rglob("*") if path.is_file()]


def test_an_archive_and_its_files_alone_give_the_same_bytes(tmp_path: Path) -> None:
    fill(tmp_path, EVENTS)
    of_archive = report(Order("archive", load(), tail=False), settings_of(tmp_path))
    assert of_archive == report(Order(str(tmp_path / "archive"), load()), settings_of(tmp_path))
    assert of_archive["people"] == EVENTS // 50
    assert nothing_left(tmp_path)


def _cut_off(folder: Path) -> Path:
    path = files(folder, ".parquet")[1]
    path.write_bytes(path.read_bytes()[:-100])
    return path


def _flipped(folder: Path) -> Path:
    path = files(folder, ".parquet")[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    return path


def _gone(folder: Path) -> Path:
    path = files(folder, ".parquet")[2]
    path.unlink()
    return path


def _lying(folder: Path) -> Path:
    path = files(folder, ".json")[-1]  # The newest: no other is read.
    path.write_bytes(path.read_bytes().replace(b'"rows": ', b'"rows": 1'))
    return path


@pytest.mark.parametrize(
    ("damage", "error"),
    [(_cut_off, FileDamaged), (_flipped, FileDamaged), (_gone, FileMissing), (_lying, ManifestDamaged)],
)
def test_what_is_wrong_with_an_archive_is_named_and_nothing_is_left(
    tmp_path: Path, damage: Callable[[Path], Path], error: type[ArchiveBroken]
) -> None:
    fill(tmp_path, EVENTS)
    damaged = damage(tmp_path)
    with pytest.raises(error) as raised:
        report(Order("archive", load(), tail=False), settings_of(tmp_path))
    partition = damaged.parent.name.partition("=")[2]
    assert damaged.name in str(raised.value) or f"partition {partition}" in str(raised.value)
    assert nothing_left(tmp_path)


def test_a_full_disk_and_a_wrong_model_are_one_line_and_leave_nothing(tmp_path: Path) -> None:
    fill(tmp_path, EVENTS)
    wrong, out = tmp_path / "wrong.toml", tmp_path / "scores.parquet"
    wrong.write_text("name = 7\n")
    command = [sys.executable, "-m", "presence.cli.main", "replay", "--no-tail", "--processes", "1"]
    to_file = [*command, "--to", "parquet", "--out", str(out)]
    environment = os.environ | {"PRESENCE_DATA": str(tmp_path)}

    def run(*arguments: str, file_bytes: int | None = None) -> "subprocess.CompletedProcess[str]":
        def limited() -> None:
            if file_bytes is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))

        return subprocess.run(
            arguments, env=environment, capture_output=True, text=True, check=False, preexec_fn=limited
        )

    for done, code, named in (
        (run(*to_file, file_bytes=50_000), 1, "no room"),
        (run(*to_file, "--model", str(wrong)), 2, wrong.name),
    ):
        assert done.returncode == code
        assert named in done.stderr
        assert len(done.stderr.splitlines()) == 1
        assert not out.exists()
        assert not list(tmp_path.glob(".*"))
        assert nothing_left(tmp_path)
