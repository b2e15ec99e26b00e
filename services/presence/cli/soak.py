"""`presence soak`: hours of steady load on the running stack, its processes rolled meanwhile, and whether anything grew or was lost."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from presence.events.errors import CallerError

err = Console(stderr=True)


def soak(
    *,
    minutes: Annotated[float, typer.Option(help="How long the load lasts.", min=0.1)] = 20.0,
    rate: Annotated[int, typer.Option(help="Events a second.", min=1)] = 10_000,
    people: Annotated[int, typer.Option(help="That they are about.", min=1)] = 50_000,
    workers: Annotated[int, typer.Option(help="Scoring workers.", min=1, max=16)] = 2,
    roll: Annotated[
        float, typer.Option(help="Seconds between two rolling restarts, of one process each.", min=1)
    ] = 60.0,
    out: Annotated[
        Path | None, typer.Option(help="A folder for samples and plots.", show_default="none")
    ] = None,
    kafka: Annotated[str, typer.Option(help="A broker that runs; by default one of its own.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Load the stack steadily, restart one process after the other, and compare everybody with a replay of the log.

    Exit code 1 if a score is wrong, SIGTERM did not end a process, or the gateway gave no answer for 20 s.
    """
    from presence.cli import soak_plots  # noqa: PLC0415 (`--help` needs none of it)
    from presence.cli.bench_scratch import scratch  # noqa: PLC0415
    from presence.cli.soak_run import Plan, run  # noqa: PLC0415

    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CallerError(f"{out} cannot be made: {error.strerror}") from error
    plan = Plan(minutes * 60, rate, people, workers, roll)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with scratch(kafka) as found, Progress(*columns, console=err, disable=as_json) as bar:
        task = bar.add_task("starting", total=plan.seconds)
        done = run(found, plan, lambda stage, at_s: bar.update(task, description=stage, completed=at_s))
    row = done.told()
    if out is not None:
        soak_plots.write(done, out)
    if as_json:
        print(json.dumps(row))
    else:
        _show(row)
    raise typer.Exit(1 if row["wrong"] else 0)


def _show(row: dict[str, Any]) -> None:
    table = Table(Column("what"), Column("", justify="right"), box=SIMPLE)
    for name, value in row.items():
        table.add_row(name.replace("_", " "), value if isinstance(value, str) else f"{value}")
    Console().print(table)
