"""Pieces of a file of events: what is read at once, and can be read again alone after a crash."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from presence.batch import decode
from presence.events import door, lines
from presence.events.errors import CallerError, InvalidEvent
from presence.events.vocabulary import Event, Word
from presence.log.settings import Settings
from presence.model.columns import EVENTS, frame
from presence.replay.columns import ROWS
from presence.replay.segments import Read

PIECE_ROWS = 524_288
PIECE_LINES = 65_536
SCAN_BYTES = 2**24


class Lines(msgspec.Struct, frozen=True, tag=True):
    """Lines of a JSONL file: from the byte `begin`, `records` of them; the first is number `line`, from 0.

    A record's offset is the number of its line, and all are of partition 0.
    """

    path: str
    begin: int
    line: int
    records: int

    def read(self, _settings: Settings, until_ms: int | None) -> Read:
        """Raises CallerError with the line's number and the reason at the first line that is no event."""
        events, offsets = [], []
        with Path(self.path).open("rb") as file:
            file.seek(self.begin)
            for number in range(self.line, self.line + self.records):
                line = file.readline()
                if not line.strip():
                    continue
                try:
                    event = lines.parse(line.rstrip(b"\n"))
                except InvalidEvent as error:
                    raise CallerError(f"{self.path}: line {number + 1}: {error}") from error
                if until_ms is None or event.observed_ms <= until_ms:
                    events.append(event)
                    offsets.append(number)
        place = [pl.lit(0, pl.Int32).alias("partition"), pl.Series("offset", offsets, dtype=pl.Int64)]
        return Read(frame(events).with_columns(place).select(ROWS))


def of_lines(path: Path) -> Iterator[Lines]:
    """The pieces of a JSONL file. Raises CallerError if it cannot be read."""
    begin = at = line = held = 0
    with path.open("rb") as file:
        while block := file.read(SCAN_BYTES):
            ends = np.flatnonzero(np.frombuffer(block, dtype="u1") == 10)
            for end in ends[PIECE_LINES - held - 1 :: PIECE_LINES].tolist():
                yield Lines(str(path), begin, line, PIECE_LINES)
                begin, line = at + end + 1, line + PIECE_LINES
            held = (held + len(ends)) % PIECE_LINES
            at += len(block)
    if at > begin:
        yield Lines(str(path), begin, line, held + 1)  # The last line may have no end.


class Rows(msgspec.Struct, frozen=True, tag=True):
    """Rows of a Parquet file with columns of the log's events; the first is row `begin`.

    Without a column `offset` a record's is the number of its row, and `first` more; without `partition` it is 0. With
    `append_ms` that is when it came, else `observed_ms`.
    """

    path: str
    begin: int
    records: int
    first: int = 0

    def read(self, _settings: Settings, until_ms: int | None) -> Read:
        """Raises CallerError that names the file, and the row if one is no event that passes the door."""
        try:
            rows = pl.scan_parquet(self.path).slice(self.begin, self.records).collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            raise _damaged(self.path, error) from error
        if rows.height != self.records:
            raise CallerError(f"{self.path} has changed since it was first looked at")
        rows = rows.with_columns(
            pl.lit(default).alias(name) for name, default in _DEFAULTS.items() if name not in rows.columns
        )
        if "offset" not in rows.columns:
            numbers = np.arange(self.first + self.begin, self.first + self.begin + self.records)
            rows = rows.with_columns(pl.Series("offset", numbers))
        refused = 0
        if rows["kind"].eq(0).any():  # Of an archive: what scoring refused as well.
            rows, before = rows.filter(pl.col("kind") != 0), rows.height
            refused = before - rows.height
        try:
            events = rows.select(pl.col(name).cast(kind) for name, kind in (ROWS | _TIMES(rows)).items())
        except pl.exceptions.PolarsError as error:
            raise CallerError(f"{self.path}: a column is not of the log's type: {error}") from error
        self._check(events)
        return up_to(events, until_ms, refused)

    def _check(self, rows: pl.DataFrame) -> None:
        for row, reason in decode.refusals(rows):
            raise CallerError(f"{self.path}: row {self.begin + row + 1}: {reason}")


def _TIMES(rows: pl.DataFrame) -> dict[str, Any]:
    return {"append_ms": pl.Int64} if "append_ms" in rows.columns else {}
