"""`presence bench`: how fast it is on this machine, and beside what."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from presence.cli.bench_scratch import scratch
from presence.cli.context import exit_on_error
from presence.events.errors import CallerError

Kafka = Annotated[str, typer.Option("--kafka", help="A broker that runs; by default one of its own.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per case and line.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Measure on this machine.")

FOLDS = ((50, 40), (10_000, 2_000), (100_000, 20_000), (1_000_000, 200_000))
"""Events, and people that they are about."""
EVALUATIONS = (
    (40, 100),
    (200_000, 10),
    (100_000, 20),
    (20_000, 100),
    (2_000, 1_000),
    (200, 10_000),
    (20, 100_000),
)
"""People, and count rows of each. Twenty rows are typical: a few signals on two accounts over weeks."""


@app.command()
def model(
    threads: Annotated[int, typer.Option("--threads", help="Threads of polars.", min=1, max=64)] = 1,
    repeats: Annotated[int, typer.Option("--repeats", help="The best of so many.", min=1, max=100)] = 3,
    as_json: AsJson = False,
) -> None:
    """Measure fold and evaluate, each case in a process of its own, beside a bare group-by of the same rows."""
    cases = [("fold", *sizes) for sizes in FOLDS] + [("evaluate", *sizes) for sizes in EVALUATIONS]
    results = []
    for case in cases:
        results.append(_measured(case, threads, repeats))
        if as_json:
            print(json.dumps(results[-1]), flush=True)
    if not as_json:
        Console().print(_table(results))


@app.command()
def gateway(
    *,
    people: Annotated[int, typer.Option("--people", help="How many have a score.", min=1_000)] = 100_000,
    processes: Annotated[str, typer.Option("--processes", help="That serve, one after the other.")] = "1,2",
    watchers: Annotated[
        str, typer.Option("--watchers", help="Of everybody, one number after the other.")
    ] = "1,100,10000",
    seconds: Annotated[int, typer.Option("--seconds", help="Of load for each measurement.", min=1)] = 5,
    load: Annotated[
        str, typer.Option("--load", help="What asks and watches: the program of bench/load.")
    ] = "bench/load/load",
    kafka: Kafka = "",
    as_json: AsJson = False,
) -> None:
    """Measure the gateway beside a bare gRPC servicer that answers a constant, asked in turn by a program in Go."""
    from presence.cli import bench_calls, bench_gateway  # noqa: PLC0415 (the other benches need no gRPC)

    counts = _numbers("--processes", processes), _numbers("--watchers", watchers)
    with scratch(kafka) as found:
        asking = bench_calls.Load(load, found.data, seconds)
        for row in bench_gateway.measure(found, asking, people, *counts):
            _show(row, as_json)


@app.command()
def erasure(
    *,
    people: Annotated[int, typer.Option("--people", help="How many are enrolled.", min=10)] = 3_000,
    erasures: Annotated[int, typer.Option("--erasures", help="How many of them are erased.", min=1)] = 1_000,
    rate: Annotated[int, typer.Option("--rate", help="Events a second meanwhile.", min=1)] = 1_000,
    kills: Annotated[int, typer.Option("--kills", help="Of workers, meanwhile.", min=0)] = 4,
    workers: Annotated[int, typer.Option("--workers", help="Processes.", min=1, max=16)] = 2,
    kafka: Kafka = "",
    as_json: AsJson = False,
) -> None:
    """Erase people while events for them flow and workers are killed, restore an older snapshot, and look what is left.

    Exit code 1 if anything of them is, if one of them was seen again, or if anybody else's score is another.
    """
    from presence.broker.ports import free_port  # noqa: PLC0415 (the other benches need none of it)
    from presence.cli import bench_erasure  # noqa: PLC0415

    if erasures >= people:
        raise CallerError("somebody must be left to compare")
    with scratch(kafka) as found:
        own = replace(found, gateway=f"127.0.0.1:{free_port()}")
        row = bench_erasure.measure(
            own, people=people, erasures=erasures, rate=rate, kills=kills, workers=workers
        )
    _show(row, as_json)
    raise typer.Exit(1 if row["wrong"] else 0)


@app.command()
def scoring(
    *,
    events: Annotated[int, typer.Option("--events", help="To be drained.", min=1_000)] = 1_000_000,
    people: Annotated[int, typer.Option("--people", help="That they are about.", min=1)] = 200_000,
    workers: Annotated[int, typer.Option("--workers", help="Processes.", min=1, max=16)] = 2,
    loads: Annotated[
        str, typer.Option("--loads", help="Percent of the sustained maximum, for latencies.")
    ] = "20,50,80",
    seconds: Annotated[int, typer.Option("--seconds", help="That each load lasts.", min=1)] = 10,
    kafka: Kafka = "",
    as_json: AsJson = False,
) -> None:
    """Measure the workers on real Kafka: a full log drained, what they sustain, how late scores are under steady load.

    The log is filled first, and the time that workers take to start is told apart from their work. Sustained is what they
    score while the load comes in beside them. Then one is killed, and at last all state is lost and comes back from
    snapshots.
    """
    from presence.cli import bench_scoring  # noqa: PLC0415 (the other benches need no broker)

    percents = _numbers("--loads", loads)
    with scratch(kafka) as found:
        drained, running = bench_scoring.drain(found, events, people, workers)
        try:
            _show(drained, as_json)
            sustained = bench_scoring.sustained(found, people, events, running)
            _show(sustained, as_json)
            for percent in percents:
                rate = max(1, sustained["events_per_second"] * percent // 100)
                _show(
                    bench_scoring.latency(
                        found, people, running, rate=rate, percent=percent, seconds=seconds
                    ),
                    as_json,
                )
            rate = max(1, drained["events_per_second"] // 10)
            _show(bench_scoring.recovery(found, people, rate, running), as_json)
        finally:
            running.stop()
        _show(bench_scoring.restore(found, workers), as_json)


@app.command()
def replay(
    *,
    events: Annotated[
        str, typer.Option("--events", help="Of each log, comma separated: 1M,10M,50M.")
    ] = "1M,10M",
    files: Annotated[
        Path | None,
        typer.Option("--files", help="Where the logs are kept for another time.", show_default="nowhere"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a replay of archives, from files to scores, in one process of one thread.

    Beside it, in processes of their own, a bare scan of the same files and a plain polars group-by over the same columns;
    and how the CPU of an event grows with the log.
    """
    from presence.cli import bench_replay  # noqa: PLC0415 (the other benches need no archive)

    sizes = _numbers("--events", events)
    with tempfile.TemporaryDirectory(prefix="presence-bench-") as scratch_folder:
        folder = files or Path(scratch_folder)
        for row in bench_replay.measure(sizes, folder, keep=files is not None):
            _show(row, as_json)


def _numbers(option: str, given: str) -> list[int]:
    """What is given as `1,100,2M`. Raises CallerError."""
    return [_number(option, each.strip()) for each in given.split(",")]


def _number(option: str, text: str) -> int:
    """A number above 0, `M` for a million. Raises CallerError."""
    digits, million = (text[:-1], 1_000_000) if text[-1:] in {"M", "m"} else (text, 1)
    if not digits.isdecimal() or not int(digits):
        raise CallerError(f"{option}: {text or 'nothing'} is no number above 0, as in 1,100,2M")
    return int(digits) * million


def _show(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps(result), flush=True)
        return
    table = Table(Column("what"), Column("", justify="right"), box=SIMPLE, title=result["case"])
    for name, value in result.items():
        if name != "case":
            table.add_row(name.replace("_", " "), value if isinstance(value, str) else f"{value:,}")
    Console().print(table)


@app.command()
def company(
    people: Annotated[str, typer.Option("--people", help="How many, one case each.")] = "1000,10000,100000",
    acts: Annotated[int, typer.Option("--acts", help="Of each towards others.", min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """Measure the job of company as people and acts grow, each case in a process of its own."""
    code = "import sys, json; from presence.cli.bench_company import measure; print(json.dumps(measure(*map(int, sys.argv[1:]))))"
    for number in _numbers("--people", people):
        done = subprocess.run(  # noqa: S603 (our own command)
            [sys.executable, "-c", code, str(number), str(acts)], capture_output=True, text=True, check=True
        )
        print(done.stdout.strip() if as_json else json.loads(done.stdout), flush=True)


@app.command()
def ingest(
    frames: Annotated[int, typer.Option("--frames", help="How many from the socket.", min=1)] = 200_000,
    items: Annotated[int, typer.Option("--items", help="How many in a made export.", min=1)] = 100_000,
    exports: Annotated[
        list[str] | None, typer.Option("--export", help="NETWORK=PATH: an export to measure as well.")
    ] = None,
    kafka: Kafka = "",
    as_json: AsJson = False,
) -> None:
    """Measure frames from a socket to the broker's acknowledgement, and imports, and say what bounds each."""
    from presence.cli import bench_ingest  # noqa: PLC0415 (the other benches need no broker)

    results = []

    def show(result: dict[str, Any]) -> None:
        results.append(result)
        if as_json:
            print(json.dumps(result), flush=True)

    with scratch(kafka) as found:
        for who in bench_ingest.Who:
            share = 1 if who != bench_ingest.Who.HOSTILE else 10  # These are long.
            show(bench_ingest.jetstream(found, max(1, frames // share), who))
        for network in bench_ingest.MADE:
            show(bench_ingest.made(network, items, found.data))
    for each in exports or ():
        network, _, path = each.partition("=")
        show(bench_ingest.export(network, Path(path)))
    if not as_json:
        Console().print(_ingest_table(results))


def _ingest_table(results: list[dict[str, Any]]) -> Table:
    names = ("case", "network", "per second", "MB/s", "cores", "bound by")
    table = Table(*names, box=SIMPLE)
    for row in results:
        rate = row.get("frames_per_second") or row["items_per_second"]
        size = f"{row['megabytes_per_second']:,}"
        table.add_row(row["case"], row["network"], f"{rate:,}", size, str(row["cpu_ratio"]), row["bound_by"])
    return table


def _measured(case: tuple[str, int, int], threads: int, repeats: int) -> dict[str, Any]:
    """The figures of one case. The number of threads is fixed when polars is imported, hence the process."""
    command = [sys.executable, "-m", "presence.cli.bench_model", *map(str, case), str(repeats)]
    environment = os.environ | {"POLARS_MAX_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 (our own module)
    if done.returncode:
        raise CallerError(f"case {case} failed: {done.stderr.strip().splitlines()[-1:]}")
    return {**json.loads(done.stdout), "threads": threads}


def _table(results: list[dict[str, Any]]) -> Table:
    numbers = ("rows", "ms", "per second", "CPU s per 1M", "bare group-by, ms", "peak MB")
    table = Table("case", *(Column(name, justify="right") for name in numbers), box=SIMPLE)
    for row in results:
        unit = "events" if row["case"] == "fold" else "people"
        name = f"{row['case']} {row[unit]:,} {unit}"
        table.add_row(
            name,
            f"{row['rows']:,}",
            f"{row['seconds'] * 1e3:,.1f}",
            f"{row[f'{unit}_per_second']:,}",
            f"{row['cpu_seconds_per_million']:.2f}",
            f"{row['group_by_seconds'] * 1e3:,.1f}",
            f"{row['peak_megabytes']:,}",
        )
    return table


if __name__ == "__main__":
    with exit_on_error():
        app(prog_name="presence bench")
