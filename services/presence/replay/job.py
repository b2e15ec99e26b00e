"""One replay: its pieces read into segments, its buckets scored, side by side in processes, and what survives a kill.

Everything is kept in a folder of the job's own, file by file, each there whole or not at all: a killed replay goes on with
the pieces and buckets that are missing.
"""

import errno
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path

import msgspec
import polars as pl

from presence.events.errors import InvariantBroken, SourceUnavailable
from presence.events.vocabulary import NOBODY
from presence.log.lock import exclusive
from presence.log.settings import Settings
from presence.model.spec import Model
from presence.replay import segments
from presence.replay.columns import coding
from presence.replay.logged import Archived, Fetched
from presence.replay.parts import Part, write_part
from presence.replay.pieces import Lines, Rows
from presence.replay.segments import Buckets, Segments
from presence.replay.timeline import Timeline
from presence.replay.workers import Workers

Piece = Archived | Fetched | Lines | Rows
Advance = Callable[[int], None]


class Plan(msgspec.Struct, frozen=True):
    """What a replay reads, fixed when it begins: on a log that grows a replay that goes on ends where it would have.

    until_ms: None for the end; person: only this one, if not empty; buckets: among how many people are spread;
    partitions: those that the pieces are of, where each is of one; states: whether their states are wanted, too; files:
    a digest of the files that are read, as they were: a replay goes on only with the same.
    """

    source: str
    until_ms: int | None
    person: str
    model: str
    pieces: tuple[Piece, ...]
    buckets: int
    partitions: tuple[int, ...] = ()
    states: bool = False
    files: str = ""
    code: str = ""

    @property
    def records(self) -> int:
        """How many are to be read, at most."""
        return sum(piece.records for piece in self.pieces)


class Job:
    """A replay and its folder. Raises CallerError if another process is at work in it."""

    def __init__(self, folder: Path, plan: Plan, settings: Settings, model: Model) -> None:
        self.folder, self.plan = folder, plan
        self._settings, self._model = settings, model

    def read(self, workers: Workers, advance: Advance) -> None:
        """Read every piece that has no segment yet; `advance` is told of the records of each piece that is there."""
        missing = []
        for number, piece in enumerate(self.plan.pieces):
            if self._segment(number).exists():
                advance(piece.records)
            else:
                missing.append((number, piece))
        work = partial(_read, self._settings, self.plan)
        tasks = [(piece, self._segment(number)) for number, piece in missing]
        for _, piece in zip(workers.each(work, tasks), [piece for _, piece in missing], strict=True):
            advance(piece.records)

    def score(self, workers: Workers, advance: Advance) -> list[Part]:
        """Score every bucket that has not been; the parts of the result, each sorted by person.

        `advance` is told of the share of the records that each bucket stands for.
        """
        missing = [number for number in range(self.plan.buckets) if not self._part(number).exists()]
        share = self.plan.records / self.plan.buckets
        advance(round(share * (self.plan.buckets - len(missing))))
        if missing:
            about = self.about
            work = partial(_score, self._paths(), about, self._model, self.plan.states)
            tasks = [(number, self._part(number)) for number in missing]
            for _ in workers.each(work, tasks):
                advance(round(share))
        return [Part(self._part(number)) for number in range(self.plan.buckets)]

    @cached_property
    def about(self) -> "About":
        """What all segments say of everybody, once all are there."""
        networks, ticks, refused, records = [""], [], 0, 0
        cuts: dict[int, int] = {}
        ends: dict[int, int] = {}
        for segment in Segments(self._paths()).about():
            networks += segment.networks
            ticks.append(segment.ticks)
            refused, records = refused + segment.refused, records + segment.records
            for number, offset in segment.cuts.items():
                cuts[number] = min(offset, cuts.get(number, offset))
            for number, offset in segment.ends.items():
                ends[number] = max(offset, ends.get(number, offset))
        return About(sorted(set(networks)), _timelines(ticks, cuts), cuts, ends, refused, records)

    def _segment(self, number: int) -> Path:
        return self.folder / f"segment-{number:06d}{segments.SUFFIX}"

    def _part(self, number: int) -> Path:
        return self.folder / f"scores-{number:06d}{segments.SUFFIX}"

    def _paths(self) -> list[Path]:
        return [self._segment(number) for number in range(len(self.plan.pieces))]


class About(msgspec.Struct, frozen=True):
    """What a log says besides of its people: by partition the timeline, the offset at which it is cut off, and its end."""

    networks: list[str]
    timelines: dict[int, Timeline]
    cuts: dict[int, int]
    ends: dict[int, int]
    refused: int
    records: int


def _timelines(ticks: Sequence[pl.DataFrame], cuts: dict[int, int]) -> dict[int, Timeline]:
    every = pl.concat(ticks) if ticks else pl.DataFrame(schema={"partition": pl.Int32})
    found = {}
    for (number,), rows in every.group_by("partition"):
        cut = cuts.get(int(str(number)))
        found[int(str(number))] = Timeline.of(rows if cut is None else rows.filter(pl.col("offset") < cut))
    return found


def _read(settings: Settings, plan: Plan, task: tuple[Piece, Path]) -> None:
    piece, path = task
    read = piece.read(settings, plan.until_ms)
    if plan.person:
        wanted = read.rows.filter(pl.col("person").is_in([plan.person, NOBODY]))
        read = segments.Read(wanted, read.refused, read.cuts)
    segments.write(path, read, Buckets(plan.buckets, plan.partitions))


def _score(paths: Sequence[Path], about: About, model: Model, states: bool, task: tuple[int, Path]) -> None:
    number, path = task
    bucket = Segments(paths).bucket(number, coding([pl.Series("network", about.networks)]))
    write_part(path, bucket, about.timelines, about.cuts, model, states=states)


@contextmanager
def job(plan: Plan, settings: Settings, model: Model, *, resume: bool) -> Iterator[Job]:
    """The job of `plan`, or with `resume` what a killed one of the same kind has left, with the plan that it had.

    Its folder is gone when the block ends, also by an error, unless the log or the broker could not be reached or the
    replay was stopped: then `resume` goes on. Raises CallerError if another process is at work on it.
    """
    key = f"{plan.source}|{plan.until_ms}|{plan.person}|{model.hash}|{plan.states}"
    folder = settings.data / "replay" / hashlib.sha256(key.encode()).hexdigest()[:16]
    plan = msgspec.structs.replace(plan, code=f"{version('presence')} polars {pl.__version__}")
    with exclusive(folder, f"another replay of the same is at work in {folder}"):
        kept = False
        try:
            yield Job(folder, _begun(folder, plan, resume=resume), settings, model)
        except (SourceUnavailable, KeyboardInterrupt):
            kept = True
            raise
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise SourceUnavailable(
                    f"there is no room in {settings.data} for what is read: make room, or set PRESENCE_DATA; "
                    "nothing was left behind"
                ) from error
            raise
        finally:
            if not kept:
                shutil.rmtree(folder, ignore_errors=True)


def _begun(folder: Path, plan: Plan, *, resume: bool) -> Plan:
    """The plan to work by, written down."""
    path = folder / "plan.json"
    if resume and path.exists():
        try:
            before = msgspec.json.decode(path.read_bytes(), type=Plan)
        except (msgspec.MsgspecError, OSError) as error:
            raise InvariantBroken(f"{path} cannot be read, start without --resume: {error}") from error
        if (before.code, before.files) == (plan.code, plan.files):
            return before
    for old in folder.iterdir():
        if old.name != "lock":
            old.unlink()
    part = path.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(plan))
    part.rename(path)
    return plan
