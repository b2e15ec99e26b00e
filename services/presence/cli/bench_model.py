"""One case of `presence bench model`, in a process of its own: prints its figures as one JSON object."""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import polars as pl

from presence.cli import bench_rows
from presence.model import spec
from presence.model.evaluate import evaluate
from presence.model.fold import fold
from presence.model.state import KEYS, State

CELL = ["person", "network", "account", "direction", "verb", "object"]
SMALL_SECONDS = 0.05
"""What takes less is measured more often, so that its best is one."""


@dataclass(frozen=True)
class Took:
    """The best of some runs, wall clock and processor."""

    seconds: float
    cpu_seconds: float


def took(work: Callable[[], object], repeats: int) -> Took:
    """How long `work` takes, after one run that warms it up."""
    warm = _once(work)
    runs = [_once(work) for _ in range(repeats * (20 if warm.seconds < SMALL_SECONDS else 1))]
    return Took(min(run.seconds for run in runs), min(run.cpu_seconds for run in runs))


def _once(work: Callable[[], object]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def measure_fold(events: int, people: int, repeats: int) -> dict[str, Any]:
    """Fold events of so many people, all new, as one batch; beside the sums alone."""
    frame, model, nothing = bench_rows.events(events, people), spec.load(), State.empty()
    folding = took(lambda: fold(nothing, frame, model), repeats)
    peak = _peak_megabytes()
    week = (pl.col("occurred_ms") // 604_800_000).alias("week")
    slot = (pl.col("actor") % 64).alias("slot")
    bare = took(lambda: frame.group_by(*CELL, week, slot).agg(pl.col("magnitude").sum()), repeats)
    return {
        "case": "fold",
        "events": events,
        "people": people,
        "rows": events,
        "seconds": folding.seconds,
        "events_per_second": round(events / folding.seconds),
        "cpu_seconds_per_million": folding.cpu_seconds * 1e6 / events,
        "group_by_seconds": bare.seconds,
        "peak_megabytes": peak,
    }


def measure_evaluate(people: int, rows: int, repeats: int) -> dict[str, Any]:
    """Evaluate so many people of about so many count rows each; beside a sum of the same rows."""
    state, model = bench_rows.state(people, rows), spec.load()
    evaluating = took(lambda: evaluate(state, model), repeats)
    peak = _peak_megabytes()
    keys = list(KEYS["counts"][:-1])
    bare = took(lambda: state.counts.group_by(keys).agg(pl.col("amount").sum()), repeats)
    return {
        "case": "evaluate",
        "people": people,
        "rows": len(state.counts),
        "rows_per_person": len(state.counts) // people,
        "seconds": evaluating.seconds,
        "people_per_second": round(people / evaluating.seconds),
        "rows_per_second": round(len(state.counts) / evaluating.seconds),
        "cpu_seconds_per_million": evaluating.cpu_seconds * 1e6 / people,
        "group_by_seconds": bare.seconds,
        "peak_megabytes": peak,
    }


def _peak_megabytes() -> int:
    """The most that this process has held so far, generated rows included."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    case, *sizes = sys.argv[1:]
    first, second, times = map(int, sizes)
    print(json.dumps({"fold": measure_fold, "evaluate": measure_evaluate}[case](first, second, times)))
