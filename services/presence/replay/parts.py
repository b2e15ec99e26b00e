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
MERGED_ROWS = 65_536
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
    sources = [part.frames(rows) for part in parts]
    heads = {
        number: frame for number, source in enumerate(sources) if (frame := next(source, None)) is not None
    }
    while heads:
        bound = min(frame["person"][-1] for frame in heads.values())
        ready = []
        for number, frame in list(heads.items()):
            upto = frame["person"].search_sorted(bound, side="right")
            ready.append(frame[:upto])
            left: pl.DataFrame | None = frame[upto:] if upto < frame.height else next(sources[number], None)
            if left is None:
                del heads[number]
            else:
                heads[number] = left
        yield pl.concat(ready).sort("person", "partition")
