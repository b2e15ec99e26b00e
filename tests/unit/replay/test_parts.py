"""Parts are merged in the order of people, however unevenly people are spread over them."""

import tempfile
from itertools import pairwise
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence.replay import parts
from presence.replay.parts import Part, merged

SIZES = st.lists(st.integers(0, 900), min_size=1, max_size=6)
STEPS = st.integers(1, 40)


def write(path: Path, people: list[int], partition: int) -> Part:
    rows = pl.DataFrame(
        {"person": [f"p_{number:05d}" for number in sorted(people)], "partition": partition},
        schema={"person": pl.String, "partition": pl.Int32},
    ).to_arrow()
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
        writer.write_table(rows, max_chunksize=64)
    return Part(path)


@given(sizes=SIZES, step=STEPS, merged_rows=st.sampled_from([1, 2_000, 32_768]))
def test_every_row_comes_once_in_order_and_nobody_is_torn_apart(
    sizes: list[int], step: int, merged_rows: int
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "MERGED_ROWS", merged_rows)
        found = [
            write(Path(folder) / str(at), list(range(0, size * step, step)), at)
            for at, size in enumerate(sizes)
        ]
        frames = list(merged(found))
        together = [row for frame in frames for row in frame.iter_rows()]
    assert together == sorted(
        (f"p_{person:05d}", at) for at, size in enumerate(sizes) for person in range(0, size * step, step)
    )
    assert all(before["person"][-1] < after["person"][0] for before, after in pairwise(frames))
