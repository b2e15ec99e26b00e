"""Parquet files that tell where they are damaged: written with a checksum of each page, and checked where there is one.

What others wrote is read by pyarrow: polars looks at no checksum, and of some damaged files panics instead of raising an error.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

ZSTD_LEVEL = 3
DICTIONARY_BYTES = 65_536
"""Of a column that has more distinct values in a row group none are coded: ids cost more to look up than to write."""
BATCH_ROWS = ROW_GROUP_ROWS = 65_536
DAMAGED = (pa.ArrowException, OSError, UnicodeError)
"""What is raised of a file that cannot be read."""


def writer(target: Any, schema: pa.Schema) -> Any:
    """Writes tables of `schema` to a path or an open file; the same tables give the same bytes. Raises OSError."""
    return pq.ParquetWriter(
        target,
        schema,
        compression="zstd",
        compression_level=ZSTD_LEVEL,
        dictionary_pagesize_limit=DICTIONARY_BYTES,
        write_page_checksum=True,
    )


def write(frame: pl.DataFrame, target: Any, row_group_rows: int = ROW_GROUP_ROWS) -> None:
    """Write `frame` to a path or an open file; equal frames give equal bytes. Raises OSError."""
    table = frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    with writer(target, table.schema) as file:
        file.write_table(table, row_group_size=row_group_rows)


class About(NamedTuple):
    """What a file says of itself."""

    rows: int
    names: frozenset[str]


def about(path: str | Path) -> About:
    """What a file is said to hold at its end. Raises one of DAMAGED."""
    found = pq.read_metadata(path)
    groups = sum(found.row_group(number).num_rows for number in range(found.num_row_groups))
    if found.num_rows != groups:
        raise pa.ArrowInvalid(f"its end says that it has {found.num_rows} rows, and {groups} in groups")
    return About(found.num_rows, frozenset(found.schema.to_arrow_schema().names))


def rows(path: str | Path, begin: int, number: int, columns: Collection[str]) -> pl.DataFrame:
    """`number` rows of a file from row `begin` on, or as many as there are; of `columns` those that it has.

    Only the row groups that have some of them are read, piece by piece. Raises one of DAMAGED.
    """
    with pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False) as file:
        schema = pa.schema([field for field in file.schema_arrow if field.name in columns])
        at, groups = _groups(file.metadata, begin, begin + number)
        found = []
        for batch in file.iter_batches(BATCH_ROWS, groups, schema.names, use_threads=False):
            if at >= begin + number:
                break
            batch.validate(full=True)
            found.append(batch.slice(max(0, begin - at), begin + number - max(begin, at)))
            at += batch.num_rows
    frame = pl.from_arrow(pa.Table.from_batches(found, schema))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _groups(about: pq.FileMetaData, begin: int, end: int) -> tuple[int, list[int]]:
    """The row groups that have rows from `begin` to before `end`, and the row that the first of them begins with."""
    first, at = begin, 0
    groups: list[int] = []
    for number in range(about.num_row_groups):
        after = at + about.row_group(number).num_rows
        if at < end and after > begin:
            first = first if groups else at
            groups.append(number)
        at = after
    return first, groups
