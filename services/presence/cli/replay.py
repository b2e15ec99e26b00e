"""`presence replay`: any score, of any day, by any model, from the log."""

import os

# Processes work side by side, each with one thread; polars reads this when it is imported.
os.environ.setdefault("POLARS_MAX_THREADS", "1")

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from presence.cli.context import exit_on_error, settings
from presence.cli.model_input import load_model, milliseconds
from presence.cli.replay_diff import diff
from presence.cli.replay_options import (
    CORES,
    AsJson,
    ModelFile,
    Person,
    Processes,
    Resume,
    Source,
    Tail,
    running,
)
from presence.cli.replay_verify import verify
from presence.cli.score_view import score_panel
from presence.client.score import from_message
from presence.events.errors import CallerError
from presence.replay import outputs
from presence.replay.report import BINS, Report
from presence.replay.run import Order, Replayed, replayed
from presence.v1 import score_pb2

app = typer.Typer(
    add_completion=False,
    invoke_without_command=True,
    help="Any score, of any day, by any model, from the log.",
)
app.command()(verify)
app.command()(diff)
BAR_CELLS = 40


class To(StrEnum):
    """Where the scores go."""

    REPORT = "report"
    PARQUET = "parquet"
    TOPIC = "topic"


Until = Annotated[
    str | None,
    typer.Option(
        "--until", help="Only what had come by then, like 2026-11-23T00:00:00Z.", show_default="all"
    ),
]


@app.callback()
def replay(
    ctx: typer.Context,
    *,
    source: Source = "archive",
    until: Until = None,
    model: ModelFile = None,
    to: Annotated[To, typer.Option("--to", help="What becomes of the scores.")] = To.REPORT,
    out: Annotated[Path | None, typer.Option("--out", help="The file, with --to parquet.")] = None,
    variant: Annotated[
        str, typer.Option("--variant", help="With --to topic: whose topic, as PRESENCE_VARIANT names it.")
    ] = "replay",
    person: Person = "",
    tail: Tail = True,
    processes: Processes = CORES,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Score everybody anew from the log, as live scoring did: to a report, a Parquet file, or a topic of its own."""
    if ctx.invoked_subcommand is not None:
        return
    if (out is not None) != (to == To.PARQUET):
        raise CallerError("--to parquet and --out FILE go together")
    if out is not None and not out.absolute().parent.is_dir():
        raise CallerError(f"{out.absolute().parent} is no folder")
    order = Order(source, load_model(model), milliseconds(until), person, tail)
    report = Report()
    with (
        running(as_json=as_json) as stage,
        replayed(order, settings(), stage, processes=processes, resume=resume) as done,
    ):
        frames = counted(done, report)
        result: dict[str, Any] = {}
        if to == To.PARQUET and out is not None:
            outputs.write_parquet(frames, out)
            result = {"out": str(out)}
        elif to == To.TOPIC:
            result = {"topic": outputs.publish(frames, settings(), variant)}
        else:
            found = [value for frame in frames if person for value in frame.get_column("value") if value]
    if person and not report.people:
        raise CallerError(f"{person} has no score" + (": erased" if report.erased else ""))
    if person and to == To.REPORT:
        show_people(found, as_json=as_json)
        return
    told = about(order, done) | result | report.told()
    if as_json:
        print(json.dumps(told))
    else:
        show(told)


def counted(done: Replayed, report: Report) -> Iterator[Any]:
    """The frames of a replay; the report sees each."""
    for frame in done.frames():
        report.add(frame)
        yield frame


def about(order: Order, done: Replayed) -> dict[str, Any]:
    """What was replayed."""
    return {
        "source": order.source,
        "until_ms": order.until_ms,
        "model": {"name": order.model.name, "hash": order.model.hash},
        "records": done.records,
        "refused": done.refused,
        "ignored": done.ignored,
    }


def show(told: dict[str, Any]) -> None:
    """A report for people."""
    table = Table(Column("what"), Column("", justify="right"), box=SIMPLE, title="replay")
    for name in ("records", "refused", "ignored", "people", "erased"):
        table.add_row(name, f"{told[name]:,}")
    for name, value in told["presence"].items():
        table.add_row(f"presence, {name}", "-" if value is None else f"{value / 1000:.1f}")
    for name in ("out", "topic"):
        if name in told:
            table.add_row(name, told[name])
    console = Console()
    console.print(table)
    most = max(told["histogram"], default=0)
    for number, people in enumerate(told["histogram"]):
        bar = "█" * (people * BAR_CELLS // most) if most else ""
        console.print(
            f"{number * 100 // BINS:>4}-{(number + 1) * 100 // BINS:<4}{people:>10,} {bar}", highlight=False
        )
    console.print(f"model {told['model']['name']} ({told['model']['hash']}), digest {told['digest'][:16]}")


def show_people(values: list[bytes], *, as_json: bool) -> None:
    """Scores with their reasons, as `presence score` shows them."""
    for value in values:
        score = from_message(score_pb2.Score.FromString(value))
        if as_json:
            print(json.dumps(score.as_dict(), separators=(",", ":")))
        else:
            Console().print(score_panel(score))


if __name__ == "__main__":
    with exit_on_error():
        app(prog_name="presence replay")
