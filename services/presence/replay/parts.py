"""The scores of one bucket as an Arrow file, sorted by person, and all buckets merged in the order of people."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow as pa

from presence.batch.canonical import Networks
from presence.model.spec import Model
from presence.replay.columns import Bucket
from presence.replay.scored import scored
from presence.replay.timeline import Timeline

CHUNK_ROWS = 512
"""Of a part in one piece: so many of every part are held while parts are merged."""
MERGED_ROWS = 32_768
"""Held at once when parts are merged, of all together."""


@dataclass(frozen=True, slots=True)
class Part:
    """The file of one bucket: a row of each person, `value` null for whoever was erased."""

    path: Path

    def about(self) -> dict[str, int]:
        """Its counts: ignored acts."""
        with pa.memory_map(str(self.path)) as file, pa.ipc.open_file(file) as reader:
            told: dict[str, int] = json.loads(reader.schema.metadata[b"about"])
            return told

    def frames(self, rows: int) -> Iterator[pl.DataFrame]:
        """Its rows in frames of at most so many."""
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_file(file) as reader:
            for number in range(reader.num_record_batches):
                found = pl.from_arrow(reader.get_batch(number))
                assert isinstance(found, pl.DataFrame)
                yield from found.iter_slices(rows)


def write_part(
    path: Path,
    bucket: Bucket,
    timelines: Mapping[int, Timeline],
    cuts: Mapping[int, int],
    model: Model,
    *,
    states: bool = False,
) -> None:
    """Score a bucket and write its part, whole or not at all, with everybody's state if wanted.

    Raises OSError if it cannot be written.
    """
    networks = Networks(bucket.networks.names.to_list()) if states else None
    found = [
        scored(of_partition, number, timelines.get(number, Timeline()), model)
        for number, of_partition in bucket.partitions(cuts)
    ] or [scored(bucket, 0, Timeline(), model)]
    table = pl.concat([each.table(model, networks) for each in found]).sort("person", "partition").to_arrow()
    about = {"about": json.dumps({"ignored": sum(each.ignored for each in found)})}
    part = path.with_suffix(".part")
    try:
        with pa.OSFile(str(part), "wb") as file:
            named = table.replace_schema_metadata(about)
            with pa.ipc.new_file(file, named.schema) as writer:
                writer.write_table(named, max_chunksize=CHUNK_ROWS)
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def merged(parts: Sequence[Part]) -> Iterator[pl.DataFrame]:
    """The rows of all parts in the order of person and partition, in frames of bounded size."""
    rows = max(256, MERGED_ROWS // max(1, len(parts)))
    heads = [_Head(part.frames(rows), rows) for part in parts]
    while heads := [head for head in heads if head.filled()]:
        bound = min(head.last for head in heads)
        yield pl.concat([head.upto(bound) for head in heads]).sort("person", "partition")


class _Head:
    """The rows of a part that come next: at least `rows` of them, or all that are left.

    So everybody's next rows reach far, and a merge takes few steps however many parts there are.
    """

    def __init__(self, source: Iterator[pl.DataFrame], rows: int) -> None:
        self._source, self._rows = source, rows
        self._frame = next(source, None)

    def filled(self) -> bool:
        """Take more of the part; whether there is any."""
        frames = [] if self._frame is None else [self._frame]
        while sum(frame.height for frame in frames) < self._rows:
            more = next(self._source, None)
            if more is None:
                break
            frames.append(more)
        self._frame = pl.concat(frames) if frames else None
        return self._frame is not None and self._frame.height > 0

    @property
    def last(self) -> str:
        assert self._frame is not None
        person: str = self._frame["person"][-1]
        return person

    def upto(self, bound: str) -> pl.DataFrame:
        """The rows of people up to this one, which are taken away."""
        assert self._frame is not None
        end = self._frame["person"].search_sorted(bound, side="right")
        found, self._frame = self._frame[:end], self._frame[end:]
        return found
