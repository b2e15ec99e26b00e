"""A replay from its order to its scores."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from presence.events.errors import CallerError
from presence.log.settings import Settings
from presence.model.spec import Model
from presence.replay import logged, pieces
from presence.replay.job import About, Advance, Job, Piece, Plan, job
from presence.replay.parts import Part, merged
from presence.replay.workers import Workers, workers

BUCKET_ROWS = 262_144
"""Of a bucket on average: what one process holds when it scores."""
BUCKETS_MAX = 4_096
Stage = Callable[[str, int], Advance]
"""Called as a stage of the work begins, with its name and how many records it is about; returns what to tell of those
that are done."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to replay: source is `archive`, `kafka` or a path.

    until_ms: only what had come by then; None for all. person: only this one. tail: after the archive, what Kafka has.
    states: everybody's state as well.
    """

    source: str
    model: Model
    until_ms: int | None = None
    person: str = ""
    tail: bool = True
    states: bool = False


@dataclass(frozen=True, slots=True)
class Replayed:
    """A replay that is done: `records` were read, of them `refused` by the door; `ignored` acts are no signal's."""

    records: int
    refused: int
    ignored: int
    about: About
    parts: list[Part] = field(repr=False)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The scores of everybody in the order of people, and a row with nulls of whoever was erased."""
        return merged(self.parts)


@contextmanager
def replayed(
    order: Order, settings: Settings, stage: Stage, *, processes: int = 1, resume: bool = False
) -> Iterator[Replayed]:
    """Replay, and let the block have the scores, which are gone after it.

    Raises CallerError for an order that cannot be, a file that cannot be read or holds no events, ArchiveBroken, and
    SourceUnavailable where Kafka, the archive or the disk are at fault.
    """
    with job(plan(order, settings), settings, order.model, resume=resume) as work:
        with workers(processes) as crew:
            done = _done(work, stage, crew)
        yield done


def _done(work: Job, stage: Stage, crew: Workers) -> Replayed:
    work.read(crew, stage("reading", work.plan.records))
    parts = work.score(crew, stage("scoring", work.plan.records))
    about = work.about
    ignored = sum(part.about()["ignored"] for part in parts)
    return Replayed(about.records, about.refused, ignored, about, parts)


def plan(order: Order, settings: Settings) -> Plan:
    """What an order means now. Raises as `replayed` does."""
    found = tuple(_pieces(order, settings))
    if not found:
        raise CallerError(f"there is nothing to replay: {order.source} holds no records")
    source = order.source if order.source in {"archive", "kafka"} else str(Path(order.source).absolute())
    where = f"{settings.topics.activity}|{source}|{order.tail}"
    rows = 1 if order.person else sum(piece.records for piece in found)
    partitions = sorted(
        {piece.partition for piece in found if isinstance(piece, logged.Archived | logged.Fetched)}
    )
    shares = max(1, len(partitions))
    share = min(BUCKETS_MAX // shares, 1 << max(0, (rows // shares - 1) // BUCKET_ROWS).bit_length())
    return Plan(
        where,
        order.until_ms,
        order.person,
        order.model.hash,
        found,
        max(1, share) * shares,
        tuple(partitions),
        order.states,
        _files(found),
    )


def _files(found: Iterable[Piece]) -> str:
    """A digest of the files that pieces are of, as they are now."""
    paths = sorted({piece.path for piece in found if isinstance(piece, pieces.Lines | pieces.Rows)})
    told = [(path, about.st_size, about.st_mtime_ns) for path in paths for about in [Path(path).stat()]]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _pieces(order: Order, settings: Settings) -> Iterator[Piece]:
    if order.source == "archive":
        return logged.of_archive(settings, order.until_ms, tail=order.tail)
    if order.source == "kafka":
        return logged.of_kafka(settings)
    return _of_path(Path(order.source))


def _of_path(path: Path) -> Iterator[Piece]:
    if path.is_dir():
        files = sorted(each for each in path.rglob("*.parquet") if not each.name.startswith("."))
        if not files:
            raise CallerError(f"{path} holds no Parquet files")
        first = 0
        for file in files:
            yield from pieces.of_parquet(file, first)
            first += pieces.rows_of(file)
    elif not path.is_file():
        raise CallerError(f"{path} is no file, no folder, and neither `archive` nor `kafka`")
    elif path.suffix == ".parquet":
        yield from pieces.of_parquet(path)
    else:
        yield from pieces.of_lines(path)
