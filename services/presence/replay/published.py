"""The live scores, sorted by person without holding them: runs on disk, merged."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from presence.log.kafka import read_to_end
from presence.log.settings import Settings
from presence.replay.compare import Live, revision_offset

RUN_RECORDS = 100_000
FRAME_ROWS = 4_096


def live_scores(settings: Settings, folder: Path) -> list[Iterator[Live]]:
    """Every score that the live topic holds, in streams sorted by person and partition, then in the order published.

    They lie in `folder`, which is the caller's to remove. Raises SourceUnavailable.
    """
    runs: list[Path] = []
    rows: list[tuple[Any, ...]] = []

    def flush() -> None:
        runs.append(folder / f"run-{len(runs):06d}.parquet")
        schema = {
            "person": pl.String,
            "partition": pl.Int32,
            "at": pl.Int64,
            "offset": pl.Int64,
            "value": pl.Binary,
        }
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        frame.sort("person", "partition", "at").write_parquet(runs[-1], compression="lz4")
        rows.clear()

    for record in read_to_end(settings, settings.topics.scores):
        offset = -1 if record.value is None else revision_offset(record.value)
        rows.append((record.key.decode(), record.partition, record.offset, offset, record.value))
        if len(rows) == RUN_RECORDS:
            flush()
    flush()
    return [_read(run) for run in runs]


def _read(run: Path) -> Iterator[Live]:
    for frame in pl.scan_parquet(run).collect_batches(chunk_size=FRAME_ROWS, maintain_order=True):
        for person, partition, _, offset, value in frame.iter_rows():
            yield Live((person, partition), offset, value, "score")
