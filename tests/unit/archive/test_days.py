"""Where a file ends: at midnight, and at a multiple of FILE_OFFSETS."""

import pytest
from tests.unit.archive.logs import DAY_MS, MONDAY_MS, good

from presence.archive import days
from presence.archive.layout import File
from presence.archive.rows import Logged, rows

MONDAY = MONDAY_MS // DAY_MS


def cut(*times_ms: int, first: int = 0, day: int = 0) -> list[tuple[int, list[int]]]:
    log = [Logged(first + at, ms, *good(1)[0]) for at, ms in enumerate(times_ms)]
    return [(found.day, found.rows["offset"].to_list()) for found in days.stretches(rows(log), day)]


def file(first: int, last: int, day: int = MONDAY) -> File:
    return File(first=first, last=last, day=day, rows=last - first + 1, bytes=9, crc32c=7)


def test_a_file_ends_at_midnight() -> None:
    assert cut(MONDAY_MS, MONDAY_MS + DAY_MS - 1, MONDAY_MS + DAY_MS) == [(MONDAY, [0, 1]), (MONDAY + 1, [2])]


def test_a_record_is_never_of_an_earlier_day_than_the_one_before() -> None:
    assert cut(MONDAY_MS, MONDAY_MS - 1, -1) == [(MONDAY, [0, 1, 2])]
    assert cut(MONDAY_MS, day=MONDAY + 3) == [(MONDAY + 3, [0])]


def test_a_file_ends_at_a_multiple_of_offsets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(days, "FILE_OFFSETS", 4)
    assert cut(*[MONDAY_MS] * 6, first=6) == [(MONDAY, [6, 7]), (MONDAY, [8, 9, 10, 11])]


def test_pieces_are_merged_once_nothing_is_added() -> None:
    files = [file(0, 1), file(2, 5), file(6, 7, MONDAY + 1), file(8, 9, MONDAY + 1)]
    assert days.in_pieces(files, today=MONDAY + 1) == [files[:2]]
    assert days.in_pieces(files, today=MONDAY + 2) == [files[:2], files[2:]]
    assert days.in_pieces(files[:1], today=MONDAY + 2) == days.in_pieces([], today=MONDAY) == []


def test_pieces_of_two_blocks_stay_two() -> None:
    size = days.FILE_OFFSETS
    files = [file(0, 1), file(2, size - 1), file(size, size + 1)]
    assert days.in_pieces(files, today=MONDAY) == [files[:2]]
