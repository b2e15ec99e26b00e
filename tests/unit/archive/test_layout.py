"""Names and manifests: what is accepted, and how what is wrong is named."""

import pytest

from presence.archive import layout
from presence.archive.errors import ManifestDamaged, OffsetGap, OffsetOverlap
from presence.archive.layout import File, Manifest


def file(first: int, last: int, **other: int) -> File:
    return File(
        **{"first": first, "last": last, "day": 20_782, "rows": last - first + 1, "bytes": 9, "crc32c": 7}
        | other
    )


def manifest(*files: File) -> Manifest:
    return Manifest(partition=3, version=17, files=files, clean_of="ab")


def test_a_name_tells_day_partition_and_offsets() -> None:
    path = file(1_000, 2_999).path(3)
    assert path == "day=2026-11-25/partition=3/00000000000000001000-00000000000000002999.parquet"
    found = layout.FILE.fullmatch(path)
    assert found is not None
    assert (found["day"], int(found["partition"]), int(found["first"]), int(found["last"])) == (
        "2026-11-25",
        3,
        1000,
        2999,
    )
    assert file(0, 1, copy=2).path(0).endswith("-00000000000000000001.2.parquet")


def test_a_manifest_comes_back() -> None:
    wanted = manifest(file(5, 9), file(10, 10))
    path = layout.manifest_path(3, 17)
    assert layout.decode(layout.encode(wanted), path) == wanted
    assert (wanted.first, wanted.next_offset, wanted.rows) == (5, 11, 6)
    assert Manifest(partition=0).next_offset is None


def test_a_gap_and_an_overlap_are_named_by_their_offsets() -> None:
    with pytest.raises(OffsetGap, match="offsets 10 to 11 are missing") as gap:
        layout.check(3, [file(5, 9), file(12, 13)])
    assert (gap.value.first, gap.value.last) == (10, 11)
    with pytest.raises(OffsetOverlap, match="offsets 8 to 9 are in two files") as overlap:
        layout.check(3, [file(5, 9), file(8, 13)])
    assert (overlap.value.first, overlap.value.last) == (8, 9)
    with pytest.raises(ManifestDamaged, match="7 rows between offsets 5 and 9"):
        layout.check(3, [file(5, 9, rows=7)])


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"partition":3}\xff', b'{"partition":3,"version":17,"more":1}']
)
def test_a_manifest_that_cannot_be_read_is_named(data: bytes) -> None:
    with pytest.raises(ManifestDamaged, match=r"partition=3/0{18}17"):
        layout.decode(data, layout.manifest_path(3, 17))


def test_a_manifest_under_another_name_or_of_another_format_is_refused() -> None:
    wanted = manifest(file(5, 9))
    for path in (layout.manifest_path(3, 16), layout.manifest_path(2, 17)):
        with pytest.raises(ManifestDamaged, match="version 17 of partition 3"):
            layout.decode(layout.encode(wanted), path)
    newer = layout.encode(wanted).replace(b'"format": 1', b'"format": 2')
    with pytest.raises(ManifestDamaged, match="format 2"):
        layout.decode(newer, layout.manifest_path(3, 17))
