"""What has been read, kept on disk by bucket of people, so that everybody can be scored without holding everybody.

A segment is what one piece of the log held: an Arrow table of one row per bucket, each column the list of the
bucket's values, so that a bucket is read as a slice of the mapped file. It is written whole or not at all. People are
numbers within their segment and bucket, in the order of `names`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from presence.events.vocabulary import NOBODY
from presence.model.coding import Coding
from presence.replay.columns import ROWS, Bucket, coding
from presence.replay.timeline import ticks_of

SUFFIX = ".arrow"
_NARROW = MappingProxyType(
    {"person": pl.UInt32, "network": pl.UInt16, "magnitude": pl.Int32, "rating": pl.Int16}
    | {"mean": pl.Int32, "number": pl.Int32}
)
"""Types that hold all that the door admits, in fewer bytes."""
STORED = MappingProxyType(
    {name: _NARROW.get(name, kind) for name, kind in ROWS.items() if name != "complete_ms"}
)
_ALWAYS = frozenset({"partition", "offset", "id", "kind", "person", "network", "observed_ms"})
_CODES = MappingProxyType({"person": pl.UInt32, "network": pl.UInt32})
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Buckets:
    """Among how many buckets people are spread; where all pieces are of one of `partitions`, so is every bucket."""

    number: int
    partitions: Sequence[int] = ()

    def of(self, people: pl.Series, partition: int) -> NDArray[np.uint16]:
        """The bucket of each of some people of a partition."""
        share = self.number // max(1, len(self.partitions))
        first = share * self.partitions.index(partition) if self.partitions else 0
        return first + (people.hash(seed=0) % share).to_numpy().astype(np.uint16)


@dataclass(frozen=True, slots=True)
class Read:
    """What a piece of the log held.

    rows: of ROWS; refused: how many records the door did not admit; cuts: by partition the first offset, where there is
    one, whose record came after the time up to which is replayed.
    """

    rows: pl.DataFrame
    refused: int = 0
    cuts: Mapping[int, int] = field(default_factory=dict)


def write(path: Path, read: Read, buckets: Buckets) -> None:
    """Write the segment of `read`. Raises OSError, and leaves nothing behind, if it cannot be written."""
    part = path.with_suffix(".part")
    try:
        with pa.OSFile(str(part), "wb") as file:
            table = _table(read, buckets)
            with pa.ipc.new_file(file, table.schema) as writer:
                writer.write_batch(table)
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _table(read: Read, buckets: Buckets) -> pa.RecordBatch:
    named = read.rows.filter(pl.col("person") != NOBODY)
    coded = named.get_column("person").to_arrow().dictionary_encode()  # Every name is looked at once.
    names, who = pl.Series(coded.dictionary, dtype=pl.String), coded.indices.to_numpy()
    bucket_of_name = buckets.of(names, int(named["partition"][0]) if named.height else 0)
    name_order, name_bounds = _spread(bucket_of_name, buckets.number)
    place = np.empty(len(names), dtype=np.uint32)
    place[name_order] = np.arange(len(names)) - np.repeat(name_bounds[:-1], np.diff(name_bounds))
    order, bounds = _spread(bucket_of_name[who], buckets.number)
    networks = coding([named.get_column("network")])
    rows = named.with_columns(pl.Series("person", place[who]), networks.encode(named.get_column("network")))
    said = [name for name in STORED if name in _ALWAYS or rows.get_column(name).to_numpy().any()]
    rows = rows.select(_stored(name) for name in said)[order]
    lists = {name: _lists(rows.get_column(name).to_arrow(), bounds) for name in said}
    lists["names"] = _lists(names[name_order].to_arrow(), name_bounds)
    about = {
        "networks": networks.names.to_list(),
        "records": read.rows.height + read.refused,
        "refused": read.refused,
        "ends": dict(read.rows.group_by("partition").agg(pl.col("offset").max() + 1).iter_rows()),
        "cuts": {str(partition): offset for partition, offset in read.cuts.items()},
        "ticks": ticks_of(read.rows).write_json(),
    }
    fields = [pa.field(name, column.type) for name, column in lists.items()]
    schema = pa.schema(fields, metadata={"about": json.dumps(about)})
    return pa.RecordBatch.from_arrays(list(lists.values()), schema=schema)


def _stored(name: str) -> pl.Expr:
    """A column as it is kept. What a kind does not use means nothing, and may be beyond what the door admits."""
    column = pl.col(name)
    return column.cast(_NARROW[name], strict=False).fill_null(0) if name in _NARROW else column


def _spread(bucket: NDArray[np.uint16], buckets: int) -> tuple[NDArray[np.intp], Ints]:
    """The order that brings each bucket's rows together, as they come, and where each begins and the last ends."""
    sizes = np.bincount(bucket, minlength=buckets)
    return np.argsort(bucket, kind="stable"), np.concatenate([[0], np.cumsum(sizes)])


def _lists(values: pa.Array, bounds: Ints) -> pa.Array:
    return pa.LargeListArray.from_arrays(bounds, values)


@dataclass(frozen=True, slots=True)
class About:
    """What a segment says besides its buckets.

    ends: by partition the offset after its last record; ticks: rows of ROWS.
    """

    networks: list[str]
    refused: int
    cuts: dict[int, int]
    ends: dict[int, int]
    ticks: pl.DataFrame
    records: int


class Segments:
    """The segments in a folder, which no longer changes."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def about(self) -> Iterator[About]:
        """What each says. Raises ValueError for one that is damaged."""
        for path in self._paths:
            with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
                told = json.loads(reader.schema.metadata[b"about"])
                yield About(
                    told["networks"],
                    told["refused"],
                    {int(partition): offset for partition, offset in told["cuts"].items()},
                    {int(partition): offset for partition, offset in told["ends"].items()},
                    pl.read_json(told["ticks"].encode(), schema=dict(ROWS)),
                    told["records"],
                )

    def bucket(self, number: int, networks: Coding) -> Bucket:
        """All rows of a bucket."""
        names = [pl.Series("person", [], dtype=pl.String)]
        frames = [pl.DataFrame(schema={name: _CODES.get(name, STORED[name]) for name in _ALWAYS})]
        known = 0
        for path in self._paths:
            with pa.memory_map(str(path)) as file, pa.ipc.open_file(file) as reader:
                batch = reader.get_batch(0)
                if not len(_slice(batch.column("names"), number)):
                    continue  # Where a piece is of one partition, most buckets have nobody of it.
                of_segment = json.loads(reader.schema.metadata[b"about"])["networks"]
                columns = {name: _slice(batch.column(name), number) for name in batch.schema.names}
            names.append(columns.pop("names").rename("person"))
            code = networks.encode(pl.Series("network", of_segment, dtype=pl.String))
            columns |= {"person": columns["person"] + known, "network": code.gather(columns["network"])}
            frames.append(pl.DataFrame(columns))
            known += len(names[-1])
        everybody = pl.concat(names)
        people = Coding(everybody.unique().sort())
        rows = pl.concat(frames, how="diagonal")
        rows = rows.with_columns(people.encode(everybody).gather(rows.get_column("person")))
        return Bucket(people.names, networks, rows.select(_whole(name, rows) for name in STORED))


def _whole(name: str, rows: pl.DataFrame) -> pl.Expr:
    """A column of ROWS; a segment of which nobody says it has none."""
    kind = _CODES.get(name, ROWS[name])
    if name not in rows.columns:
        return pl.lit(0).cast(kind).alias(name)
    return pl.col(name).fill_null(value=False if kind == pl.Boolean else 0).cast(kind)


def _slice(lists: Any, number: int) -> pl.Series:
    begin, end = lists.offsets[number].as_py(), lists.offsets[number + 1].as_py()
    found: pl.Series = pl.Series(lists.values.slice(begin, end - begin))
    return found
