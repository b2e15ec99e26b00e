"""`presence broker`: the embedded Kafka, started, stopped and described; how a start shows itself on a terminal."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from presence.broker import Broker, BrokerStatus, Progress, Step
from presence.cli.context import settings

EXIT_NOT_RUNNING = 3
SAYS = {
    Step.DOWNLOAD: "downloading Apache Kafka, only this once",
    Step.FORMAT: "preparing a new data folder",
    Step.LAUNCH: "starting Kafka",
}
"""What the terminal says in each step that takes time."""

Data = Annotated[
    Path | None, typer.Option("--data", help="The broker's folder.", show_default="broker in PRESENCE_DATA")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The embedded Kafka of this machine; it needs no Java and no Docker.",
)
err = Console(stderr=True)


@app.command()
def start(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="On 127.0.0.1.", show_default="the last one, or a free one"),
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Start it, or find it running; the first start downloads 44 MB.

    PRESENCE_BROKER_HEAP is its memory (512m), KAFKA_OPTS has further options of its Java.
    """
    _show(start_with_progress(_broker(data, port)), as_json=as_json)


@app.command()
def stop(data: Data = None) -> None:
    """Stop it; its data and its port stay."""
    broker = _broker(data)
    ran = broker.status().pid is not None
    broker.stop()
    print("stopped" if ran else "not running")


@app.command()
def status(data: Data = None, as_json: AsJson = False) -> None:
    """Say whether it runs, and where; exit code 3 if it does not."""
    found = _broker(data).status()
    _show(found, as_json=as_json)
    if not found.running:
        raise typer.Exit(EXIT_NOT_RUNNING)


def start_with_progress(broker: Broker) -> BrokerStatus:
    """`broker.start()` with a bar on stderr, or a line per step where stderr is no terminal.

    Raises the BrokerError that fits.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(30),
        TextColumn("{task.fields[amount]}"),
        TimeElapsedColumn(),
    )
    with ProgressBar(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        row = bar.add_task("looking for the broker", total=None, amount="")
        said: set[Step] = set()

        def show(progress: Progress) -> None:
            text = SAYS.get(progress.step)
            if text is None:
                return
            if not err.is_terminal and progress.step not in said:
                said.add(progress.step)
                err.print(text, highlight=False)
            bar.update(
                row,
                description=text,
                completed=progress.bytes_done,
                total=progress.bytes_total or None,
                amount=_amount(progress),
            )

        return broker.start(listener=show)


def _amount(progress: Progress) -> str:
    if not progress.bytes_total:
        return ""
    return f"{progress.bytes_done / 1e6:.1f} of {progress.bytes_total / 1e6:.1f} MB"


def _broker(data: Path | None, port: int | None = None) -> Broker:
    return Broker(data or settings().data / "broker", port)


def _show(found: BrokerStatus, *, as_json: bool) -> None:
    print(json.dumps(asdict(found), default=str) if as_json else _sentence(found))


def _sentence(found: BrokerStatus) -> str:
    if found.running and found.memory_bytes is not None:
        megabytes = found.memory_bytes / 1e6
        return f"running on {found.bootstrap}: Kafka {found.version}, process {found.pid}, {megabytes:.0f} MB"
    if found.pid is not None:
        return f"process {found.pid} runs and does not answer; its log is {found.log_path}"
    return f"not running; its folder is {found.data_folder}"
