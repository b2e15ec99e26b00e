"""What the replay's commands have in common: options, and a bar for each stage."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from presence.replay.run import Stage

CORES = len(os.sched_getaffinity(0))
err = Console(stderr=True)

Source = Annotated[
    str,
    typer.Option(
        "--from",
        help="archive, kafka, or a path: JSONL, Parquet, or a folder of Parquet files.",
        metavar="SOURCE",
    ),
]
ModelFile = Annotated[Path | None, typer.Option("--model", help="Model file.", show_default="presence-1")]
Person = Annotated[str, typer.Option("--person", help="Only this person.")]
Tail = Annotated[
    bool, typer.Option("--tail/--no-tail", help="After the archive read what Kafka has besides.")
]
Processes = Annotated[int, typer.Option("--processes", help="Side by side.", min=1, max=64)]
Resume = Annotated[bool, typer.Option("--resume", help="Go on where the same replay was stopped or killed.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object at the end.")]


@contextmanager
def running(*, as_json: bool) -> Iterator[Stage]:
    """A bar for each stage, where somebody looks; SIGTERM is as Ctrl-C."""
    columns = (
        TextColumn("{task.description:>8}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} events, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Progress(*columns, console=err, disable=as_json or not err.is_terminal) as progress:

            def stage(name: str, records: int) -> Any:
                task = progress.add_task(name, total=records, rate=0.0)

                def advance(done: int) -> None:
                    progress.advance(task, done)
                    progress.update(task, rate=progress.tasks[task].speed or 0.0)

                return advance

            yield stage
    except KeyboardInterrupt:
        print("presence: stopped; the same command with --resume goes on from here", file=sys.stderr)
        raise SystemExit(130) from None
    finally:
        signal.signal(signal.SIGTERM, before)
