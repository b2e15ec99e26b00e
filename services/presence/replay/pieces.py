"""Pieces of a file of events: what is read at once, and can be read again alone after a crash."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from presence.batch import decode, parquet
from presence.events import lines
from presence.events.errors import CallerError, InvalidEvent
from presence.events.vocabulary import Kind
from presence.log.settings import Settings
from presence.model.columns import EVENTS, frame
from presence.replay.columns import PLACE, ROWS
from presence.replay.segments import Read

PIECE_ROWS = 524_288
PIECE_LINES = 65_536
SCAN_BYTES = 2**24
_USED = frozenset({*PLACE, *EVENTS, "append_ms", "raw_value"})


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
        return Read(frame(events).with_columns(place).select(list(ROWS)))


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

    What the file has no column for is as in an event that does not say it. Without `offset` a record's offset is the
    number of its row, and `first` more; its partition is the column `partition`, else `partition`. When it came says
    `append_ms`, else `observed_ms`.
    """

    path: str
    begin: int
    records: int
    first: int = 0
    partition: int = 0

    def read(self, _settings: Settings, until_ms: int | None) -> Read:
        """Raises CallerError that names the file, and the row if one is no event that passes the door."""
        try:
            rows = parquet.rows(self.path, self.begin, self.records, _USED)
        except parquet.DAMAGED as error:
            raise damaged(self.path, error) from error
        if rows.height != self.records:
            raise CallerError(f"{self.path} has changed since it was first looked at")
        numbers = np.arange(self.first + self.begin, self.first + self.begin + self.records)
        place: dict[str, Any] = {"partition": pl.lit(self.partition), "offset": pl.Series(numbers)}
        told = {name: pl.lit("" if kind == pl.String else 0) for name, kind in EVENTS.items()}
        missing = {name: value for name, value in (place | told).items() if name not in rows.columns}
        wanted = PLACE | EVENTS | ({"append_ms": pl.Int64} if "append_ms" in rows.columns else {})
        try:
            events = rows.with_columns(**missing).select(
                pl.col(name).cast(kind) for name, kind in wanted.items()
            )
        except pl.exceptions.PolarsError as error:
            raise CallerError(f"{self.path}: a column is not of the log's type: {error}") from error
        raw = events.get_column("kind") == Kind.UNSPECIFIED  # In an archive: what scoring refused as well.
        refused = int(raw.sum()) if "raw_value" in rows.columns else 0
        self._check(events.filter(~raw) if refused else events)
        return up_to(events.filter(~raw), until_ms, refused)

    def _check(self, events: pl.DataFrame) -> None:
        if any(events.get_column(name).null_count() for name in EVENTS):
            raise CallerError(f"{self.path}: a column of an event has nulls")
        try:
            for row, reason in decode.refusals(events):
                raise CallerError(f"{self.path}: row {self.begin + row + 1}: {reason}")
        except InvalidEvent as error:
            raise CallerError(f"{self.path}: after row {self.begin}: {error}") from error


def of_parquet(path: Path, first: int = 0) -> Iterator[Rows]:
    """The pieces of a Parquet file. Raises CallerError if it is none, or says nothing of kind and time."""
    about = _about(path)
    if missing := {"kind", "observed_ms", "person"} - about.names:
        raise CallerError(f"{path} is no file of events: it has no column {min(missing)}")
    partition = re.search(r"partition=(\d+)/", str(path))
    for begin in range(0, about.rows, PIECE_ROWS):
        records = min(PIECE_ROWS, about.rows - begin)
        yield Rows(str(path), begin, records, first, int(partition[1]) if partition else 0)


def rows_of(path: Path) -> int:
    """How many rows a Parquet file has. Raises CallerError if it is none."""
    return _about(path).rows


def _about(path: Path) -> parquet.About:
    try:
        return parquet.about(path)
    except parquet.DAMAGED as error:
        raise damaged(str(path), error) from error


def up_to(rows: pl.DataFrame, until_ms: int | None, refused: int = 0) -> Read:
    """What came until then of `rows`, with the columns of ROWS and, where it is known, `append_ms`."""
    if until_ms is None:
        return Read(rows.select(list(ROWS)), refused)
    if "append_ms" not in rows.columns:
        return Read(rows.filter(pl.col("observed_ms") <= until_ms).select(list(ROWS)), refused)
    late = rows.filter(pl.col("append_ms") > until_ms)
    cuts = dict(late.group_by("partition").agg(pl.col("offset").min()).iter_rows())
    return Read(rows.filter(pl.col("append_ms") <= until_ms).select(list(ROWS)), refused, cuts)


def damaged(path: str, error: Exception) -> CallerError:
    """A file that cannot be read, by its name."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
    return CallerError(f"{path} cannot be read: {reason}")
