"""The file of scores: whole or not there, and damage to it is told."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.limits import no_longer_file_than

from presence.events.errors import CallerError
from presence.replay.outputs import write_parquet

FRAMES = [
    pl.DataFrame(
        {
            "person": [f"p_{seed}_{number}" for number in range(200)],
            "value": [np.random.default_rng((seed, number)).bytes(500) for number in range(200)],
        }
    )
    for seed in range(3)
]


def test_where_there_is_no_room_the_file_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    with no_longer_file_than(150_000), pytest.raises(CallerError, match=f"{out} cannot be written: "):
        write_parquet(FRAMES, out)
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_is_found_by_who_asks_for_checksums(tmp_path: Path) -> None:
    out = tmp_path / "scores.parquet"
    write_parquet(FRAMES, out)
    assert pl.read_parquet(out).equals(pl.concat(FRAMES))
    data = bytearray(out.read_bytes())
    data[len(data) // 2] ^= 1
    out.write_bytes(data)
    with pytest.raises((OSError, pa.ArrowException), match="CRC"):
        pq.read_table(out, page_checksum_verification=True)
