"""`presence bench`: how fast it is on this machine, and beside what."""

import json
import os
import subprocess
import sys
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from presence.cli.context import exit_on_error
from presence.events.errors import CallerError

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


@app.callback()
def root() -> None:
    """Keep `model` a subcommand while it is the only one."""


@app.command()
def model(
    threads: Annotated[int, typer.Option("--threads", help="Threads of polars.", min=1, max=64)] = 1,
    repeats: Annotated[int, typer.Option("--repeats", help="The best of so many.", min=1, max=100)] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per case and line.")] = False,
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
