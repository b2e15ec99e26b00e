"""Files and manifests on a disk: what was written comes back, and whatever is wrong is named."""

import io
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import polars as pl
import pytest
from tests.unit.archive.logs import good, logged

from presence.archive import layout
from presence.archive.errors import (
    ArchiveBroken,
    FileDamaged,
    FileMissing,
    ManifestDamaged,
    ManifestLies,
    ManifestMissing,
    OffsetGap,
)
from presence.archive.layout import Manifest
from presence.archive.rows import Logged, as_of_today, records, rows
from presence.archive.store import MANIFESTS_KEPT, Archive, Outrun
from presence.events.errors import CallerError
from presence.log import codec

DAY = 20_782
LOG = logged(good(300))
SPANS = ((0, 99), (100, 250), (251, 299))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive((tmp_path / "archive").as_uri(), "presence.activity")


@pytest.fixture
def filled(archive: Archive) -> Archive:
    for first, last in SPANS:
        append(archive, first, last)
    return archive


def append(archive: Archive, first: int, last: int) -> Manifest:
    manifest = archive.manifest(3)
    file = archive.put(3, DAY, (first, last), rows(LOG[first : last + 1]))
    return archive.commit(msgspec.structs.replace(manifest, files=(*manifest.files, file)))


def folder(archive: Archive) -> Path:
    return Path(archive.url.removeprefix("file://")) / "presence.activity"


def everything(archive: Archive, first: int = 0) -> list[Logged]:
    return [record for part in archive.parts(3, first) for record in records(part.rows)]


def test_what_was_written_comes_back(filled: Archive) -> None:
    assert everything(filled) == LOG
    assert everything(filled, first=150) == LOG[150:]
    assert everything(filled, first=300) == []
    assert filled.partitions() == [3]
    assert filled.manifest(3).next_offset == 300
    assert list(filled.parts(4)) == []


def test_some_columns_are_read_alone(filled: Archive) -> None:
    parts = list(filled.parts(3, 100, ["person", "kind"]))
    assert [part.rows.columns for part in parts] == [["person", "kind", "offset"]] * 2
    assert filled.read(3, parts[0].file, ["person"]).columns == ["person"]


def test_the_same_records_give_the_same_bytes_and_may_be_written_twice(filled: Archive) -> None:
    file = filled.manifest(3).files[0]
    before = (folder(filled) / file.path(3)).read_bytes()
    assert filled.put(3, DAY, (0, 99), rows(LOG[:100])) == file
    assert (folder(filled) / file.path(3)).read_bytes() == before


def test_other_rows_under_the_same_offsets_get_another_name(filled: Archive) -> None:
    file = filled.manifest(3).files[0]
    other = filled.put(3, DAY, (0, 99), rows(LOG[:99]), purged=1)
    assert other.path(3) == file.path(3).replace(".parquet", ".1.parquet")
    assert everything(filled) == LOG


def test_of_two_who_take_the_same_step_one_can(filled: Archive) -> None:
    manifest = filled.manifest(3)
    filled.commit(manifest)
    with pytest.raises(Outrun):
        filled.commit(manifest)
    assert everything(filled) == LOG


def test_who_is_far_behind_cannot_take_an_old_step_again(archive: Archive) -> None:
    old = append(archive, 0, 99)
    for _ in range(MANIFESTS_KEPT + 3):
        newest = archive.commit(archive.manifest(3))
    assert len(list((folder(archive) / "_manifest" / "partition=3").iterdir())) == MANIFESTS_KEPT
    with pytest.raises(Outrun):
        archive.commit(old)
    assert archive.manifest(3) == newest


def test_a_manifest_with_a_gap_is_not_written(filled: Archive) -> None:
    manifest = filled.manifest(3)
    with pytest.raises(OffsetGap):
        filled.commit(msgspec.structs.replace(manifest, files=(manifest.files[0], manifest.files[2])))
    assert filled.manifest(3) == manifest


def test_who_reads_while_files_are_merged_misses_and_repeats_nothing(filled: Archive) -> None:
    parts = filled.parts(3)
    found = records(next(parts).rows)
    manifest = filled.manifest(3)
    whole = filled.put(3, DAY, (0, 299), rows(LOG))
    filled.commit(msgspec.structs.replace(manifest, files=(whole,)))
    filled.drop(3, manifest.files)
    assert found + [record for part in parts for record in records(part.rows)] == LOG


def test_files_that_nothing_names_are_told_and_go_once_they_are_old(filled: Archive) -> None:
    left = filled.put(3, DAY, (300, 310), rows(logged(good(11), 300)))
    assert filled.orphans(3) == [left.path(3)]
    assert filled.sweep(3) == []
    os.utime(folder(filled) / left.path(3), (0, 0))
    assert filled.sweep(3) == [left.path(3)]
    assert everything(filled) == LOG


def test_a_file_of_an_older_version_is_read_as_this_one_would_write_it(archive: Archive) -> None:
    newer = codec.encode(codec.decode(LOG[0].value or b"")) + b"\xf8\x07\x01"
    log = logged([*good(5), (LOG[0].key, newer), (b"p_1", b"\xff")])
    whole = rows(log)
    unread = pl.col("offset") == 5
    old = whole.with_columns(  # It knew neither the column nor the sixth record's kind.
        kind=pl.when(unread).then(0).otherwise("kind").cast(pl.UInt8),
        raw_key=pl.when(unread).then(pl.lit(LOG[0].key)).otherwise("raw_key"),
    ).drop("category")
    packed = io.BytesIO()
    old.write_parquet(packed)
    assert as_of_today(pl.read_parquet(packed.getvalue())).equals(whole)
    file = archive.put(3, DAY, (0, 6), whole)
    archive.commit(Manifest(partition=3, files=(file,)))
    assert archive.read(3, file).equals(whole)
    assert archive.read(3, file, ["person", "kind"]).equals(whole.select("person", "kind"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def rewritten(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        (lambda file, _: flip(file), FileDamaged),
        (lambda file, _: file.write_bytes(file.read_bytes()[:-100]), FileDamaged),
        (lambda file, _: file.write_bytes(b""), FileDamaged),
        (lambda file, _: file.unlink(), FileMissing),
        (lambda _, manifest: rewritten(manifest, b'"rows": 100', b'"rows": 98'), ManifestLies),
        (lambda _, manifest: rewritten(manifest, b'"first": 100', b'"first": 101'), OffsetGap),
        (lambda _, manifest: manifest.write_bytes(manifest.read_bytes()[:50]), ManifestDamaged),
    ],
)
def test_harm_is_named_with_its_file(
    filled: Archive, harm: Callable[[Path, Path], None], named: type[ArchiveBroken]
) -> None:
    manifest = filled.manifest(3)
    path = manifest.files[1].path(3)
    harm(folder(filled) / path, folder(filled) / layout.manifest_path(3, manifest.version))
    with pytest.raises(named, match=r"partition[ =]3"):
        everything(filled)


def test_a_manifest_that_says_other_than_the_file_lies(filled: Archive) -> None:
    manifest = filled.manifest(3)
    lie = msgspec.structs.replace(manifest.files[0], rows=99, purged=1)
    filled.commit(msgspec.structs.replace(manifest, files=(lie, *manifest.files[1:])))
    with pytest.raises(ManifestLies, match="has 100 rows, its manifest says 99"):
        everything(filled)


def test_a_file_under_the_name_of_other_offsets_is_a_lie(archive: Archive) -> None:
    file = archive.put(3, DAY, (500, 599), rows(LOG[:100]))
    archive.commit(Manifest(partition=3, files=(file,)))
    with pytest.raises(ManifestLies, match="has offsets 0 to 99"):
        everything(archive)


def test_a_partition_whose_manifests_are_gone_is_not_an_empty_one(filled: Archive) -> None:
    for path in (folder(filled) / "_manifest" / "partition=3").iterdir():
        path.unlink()
    with pytest.raises(ManifestMissing, match="partition 3"):
        filled.manifest(3)


def test_other_tools_read_the_files(filled: Archive) -> None:
    found = pl.read_parquet(folder(filled) / "day=*" / "*" / "*.parquet", hive_partitioning=True)
    assert found.height == 300
    assert found["partition"].unique().to_list() == [3]


def test_a_url_that_nothing_can_be_kept_at_is_the_callers_error() -> None:
    with pytest.raises(CallerError, match="PRESENCE_ARCHIVE=gopher"):
        Archive("gopher://x", "t")
