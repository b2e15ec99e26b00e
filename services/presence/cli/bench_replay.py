"""Measures a replay of an archive, beside a bare scan of its files and a plain group-by over the same columns.

Each measurement is a process of its own: `python -m presence.cli.bench_replay CASE FOLDER` prints its figures as JSON.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from presence.archive.layout import Manifest
from presence.archive.rows import ROWS
from presence.archive.store import Archive
from presence.cli import bench_rows
from presence.cli.bench_model import CELL
from presence.events.errors import SourceUnavailable
from presence.events.vocabulary import Kind
from presence.log.settings import Settings
from presence.log.topics import DAY_MS
from presence.model.signals import WEEK_MS
from presence.model.spec import load
from presence.replay.columns import SCORED
from presence.replay.report import Report
from presence.replay.run import Order, replayed

PARTITIONS = 4
DAYS = 50
"""Of every log, so that scores speak of all closings whatever its size."""
DAY_EVENTS_MIN = 2_000
"""Of all partitions; a log of fewer events is one of fewer days."""
EVENTS_PER_PERSON = 50
NETWORKS = ("bluesky", "linkedin")
CASES = ("scan", "group_by", "replay")


def settings_of(folder: Path) -> Settings:
    """A deployment of which nothing is there but an archive."""
    return replace(Settings.from_env({}), data=folder, partitions=PARTITIONS)


def fill(folder: Path, events: int) -> None:
    """Make the archive of a log of so many events and a tick a day; an archive that is there already stays as it is."""
    archive = Archive.of(settings_of(folder))
    days = max(1, min(DAYS, events // DAY_EVENTS_MIN))
    people = bench_rows.names(max(PARTITIONS, events // EVENTS_PER_PERSON))
    manifests = {number: archive.manifest(number) for number in range(PARTITIONS)}
    for day in range(min(len(manifest.files) for manifest in manifests.values()), days):
        told = _day(day - days, events // days, people)
        owner = (told.get_column("person").hash(seed=1) % PARTITIONS).to_numpy()
        for number in range(PARTITIONS):
            rows = _of_partition(told.filter(pl.Series(owner == number)), manifests[number].next_offset or 0)
            manifests[number] = _put(archive, manifests[number], rows)


def _day(day: int, count: int, people: pl.Series) -> pl.DataFrame:
    """A day's events, in the order in which they happened; `day` is counted from bench_rows.NOW_MS."""
    rows = bench_rows.events(count, len(people), seed=day + 100_000, named=people)
    random = np.random.default_rng(day + 200_000)
    occurred = bench_rows.NOW_MS + day * DAY_MS + np.sort(random.integers(0, DAY_MS - 2_000, count))
    return rows.with_columns(occurred_ms=occurred, observed_ms=occurred + 1_000)


def _of_partition(rows: pl.DataFrame, first: int) -> pl.DataFrame:
    """The day as one partition has it: its networks complete at the end, and then the tick."""
    midnight = (int(rows["observed_ms"][0]) // DAY_MS + 1) * DAY_MS
    marks = {
        "kind": int(Kind.WATERMARK),
        "network": NETWORKS,
        "observed_ms": midnight - 1,
        "complete_ms": midnight - 1,
    }
    ticks = [pl.DataFrame(marks), pl.DataFrame({"kind": [int(Kind.CLOCK)], "observed_ms": [midnight]})]
    typed = [each.select(pl.col(name).cast(ROWS[name]) for name in each.columns) for each in ticks]
    every = pl.concat([rows, *typed], how="diagonal")
    blank = [
        pl.col(name).fill_null("" if kind == pl.String else 0)
        for name, kind in ROWS.items()
        if name in every.columns
    ]
    return (
        every.with_columns(blank)
        .with_columns(
            offset=pl.int_range(first, first + every.height),
            append_ms=pl.col("observed_ms"),
            sealed_ref=pl.lit(b""),
            raw_key=pl.lit(None, pl.Binary),
            raw_value=pl.lit(None, pl.Binary),
        )
        .select(pl.col(name).cast(kind) for name, kind in ROWS.items())
    )


def _put(archive: Archive, manifest: Manifest, rows: pl.DataFrame) -> Manifest:
    span = int(rows["offset"][0]), int(rows["offset"][-1])
    file = archive.put(manifest.partition, int(rows["append_ms"][0]) // DAY_MS, span, rows)
    return archive.commit(msgspec.structs.replace(manifest, files=(*manifest.files, file)))


def measure(sizes: Sequence[int], files: Path, *, keep: bool) -> Iterator[dict[str, Any]]:
    """The figures of every case at every size, the smallest first; the logs are made in `files`, and go if not to `keep`.

    `cost_to_smallest` is the CPU of an event as a multiple of what it is in the smallest log: 1 where cost is linear.
    """
    smallest: dict[str, float] = {}
    for size in sorted(sizes):
        folder = files / f"{size}-events"
        fill(folder, size)
        for case in CASES:
            found = measured(case, folder)
            first = smallest.setdefault(case, found["cpu_seconds_per_million"])
            yield found | {"cost_to_smallest": round(found["cpu_seconds_per_million"] / first, 2)}
        if not keep:
            shutil.rmtree(folder)


def measured(case: str, folder: Path) -> dict[str, Any]:
    """The figures of one case, from a process of its own with one thread.

    Raises SourceUnavailable if it fails.
    """
    command = [sys.executable, "-m", "presence.cli.bench_replay", case, str(folder)]
    environment = os.environ | {"POLARS_MAX_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 (our own module)
    if done.returncode:
        raise SourceUnavailable(f"{case} failed: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _scan(folder: Path) -> int:
    """Read the columns that a score depends on, file by file, and drop them."""
    return sum(
        pl.read_parquet(path, columns=[*SCORED, "offset"]).height
        for path in sorted(folder.rglob("*.parquet"))
    )


def _group_by(folder: Path) -> int:
    """Sums of the same cells that the model counts, by polars alone."""
    week, slot = (pl.col("occurred_ms") // WEEK_MS).alias("week"), (pl.col("actor") % 64).alias("slot")
    rows = pl.scan_parquet(sorted(folder.rglob("*.parquet")))
    summed = rows.group_by(*CELL, week, slot).agg(pl.col("magnitude").sum(), pl.len())
    return int(summed.select(pl.col("len").sum()).collect(engine="streaming").item())


def _replay(folder: Path) -> int:
    order, report = Order("archive", load(), tail=False), Report()
    with replayed(order, settings_of(folder), lambda _name, _records: lambda _done: None) as done:
        for frame in done.frames():
            report.add(frame)
        return done.records


def _measure(case: str, folder: Path) -> dict[str, Any]:
    work: Callable[[Path], int] = {"scan": _scan, "group_by": _group_by, "replay": _replay}[case]
    wall, cpu = time.perf_counter(), time.process_time()
    events = work(folder)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "case": case,
        "events": events,
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "cpu_seconds_per_million": round(cpu * 1e6 / events, 4),
        "events_per_second_and_core": round(events / cpu),
        "peak_megabytes": _peak_megabytes(),
    }


def _peak_megabytes() -> int:
    """The most that this process has held; what rusage says begins with what its parent held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], Path(sys.argv[2]))))
