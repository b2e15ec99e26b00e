"""Stores in numbered folders: the newest counts."""

from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.limits import no_more_files_than

from presence.log.numbered import numbers, successor


def test_a_successor_that_fails_does_not_count_though_no_file_can_be_opened(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()

    def fail() -> None:
        # The limit is still there when the successor is cleared away.
        with ExitStack() as limits, successor(folder, lambda part: (part / "data").touch()):
            limits.enter_context(no_more_files_than(0))
            raise ValueError("not so")

    with pytest.raises(ValueError, match="not so"):
        fail()
    assert numbers(tmp_path) == [1]
