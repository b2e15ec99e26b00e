"""Which records share a file. Pure.

A file never crosses midnight or a multiple of FILE_OFFSETS. So once a stretch is complete, and what was written of it in
pieces is merged, its files are a function of the log alone: whoever wrote them, whenever, and however often killed.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

import polars as pl

from presence.archive.layout import File
from presence.log.topics import DAY_MS

FILE_OFFSETS = 2**19
"""About 50 MB of file and 150 MB of memory, at 100 bytes for each record on the disk."""


def block(offset: int) -> int:
    """Which of the stretches of FILE_OFFSETS an offset is in."""
    return offset // FILE_OFFSETS


class Stretch(NamedTuple):
    """Rows of one day, in days since 1970-01-01, that belong into one file."""

    day: int
    rows: pl.DataFrame

    @property
    def last(self) -> int:
        """The offset of the last row."""
        return int(self.rows.get_column("offset")[-1])

    def goes_on_in(self, other: "Stretch") -> bool:
        """Whether both are of one file."""
        return self.day == other.day and block(self.last) == block(other.last)


def stretches(rows: pl.DataFrame, day: int) -> Iterator[Stretch]:
    """Cut `rows`, in order of offset, where a file must end. `day` is that of the row before them, 0 for none.

    The clock that stamped a record may have been behind that of the record before: it belongs to the later day then.
    """
    keyed = rows.with_columns(
        (pl.col("append_ms") // DAY_MS).clip(lower_bound=day).cum_max().alias("day"),
        (pl.col("offset") // FILE_OFFSETS).alias("block"),
    )
    for (found, _), part in keyed.group_by("day", "block", maintain_order=True):
        yield Stretch(int(str(found)), part.drop("day", "block"))


def in_pieces(files: Sequence[File], today: int) -> list[list[File]]:
    """Neighbours of `files` that are to be one file: of one stretch, to which nothing will be added before `today`."""
    pieces = [list(group) for _, group in groupby(files, lambda file: (file.day, block(file.last)))]
    closed = pieces if pieces and pieces[-1][-1].day < today else pieces[:-1]
    return [piece for piece in closed if len(piece) > 1]
