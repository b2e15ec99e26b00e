"""`presence scoring`: run workers, and look after their state."""

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from presence.cli.context import exit_on_error, settings
from presence.cli.supervise import Member, environment, python, supervise
from presence.events.errors import CallerError
from presence.log.exposition import nth_address
from presence.log.kafka import consumer, ensure_topics, partitions_of
from presence.log.numbered import newest_folder
from presence.log.settings import Settings
from presence.scoring.progress import Progress, progress
from presence.scoring.snapshots import Snapshots, copy
from presence.scoring.store import Store

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Scoring workers and their state.")
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per partition and line.")]
One = Annotated[int, typer.Option("--partition", help="Of the activity log.", min=0)]


@app.command()
def run(
    workers: Annotated[int, typer.Option("--workers", help="Processes on this host.", min=1, max=64)] = 1,
) -> None:
    """Run scoring workers until SIGTERM or Ctrl-C. They share the partitions; more than partitions are idle.

    The broker must run. A worker is named after PRESENCE_WORKER and its number; one that ends by itself is started again.
    """
    found = settings()
    ensure_topics(found)
    names = [found.worker if workers == 1 else f"{found.worker}-{number}" for number in range(workers)]
    raise SystemExit(
        supervise(
            [
                Member(
                    name=f"scoring-{name}",
                    command=python("presence.scoring"),
                    environment=environment(
                        PRESENCE_KAFKA=found.kafka,
                        PRESENCE_WORKER=name,
                        PRESENCE_METRICS=nth_address(found.metrics, number),
                    ),
                )
                for number, name in enumerate(names)
            ]
        )
    )


@app.command()
def status(as_json: AsJson = False) -> None:
    """How far each partition of this host has come, beside the end of the log. Workers may run meanwhile."""
    found = settings()
    ends = _ends(found)
    rows = list(progress(found.scoring))
    if as_json:
        for row in rows:
            print(
                json.dumps(
                    row._asdict() | {"end": ends[row.partition], "lag": ends[row.partition] - row.offset}
                )
            )
        return
    numbers = ("partition", "offset", "lag", "people", "unpublished", "MB")
    table = Table(*(Column(name, justify="right") for name in numbers), box=SIMPLE)
    for row in rows:
        table.add_row(*_cells(row, ends[row.partition]))
    Console().print(table if rows else f"no partition has been scored in {found.data}")


@app.command()
def snapshot() -> None:
    """Keep a copy of the state of each partition of this host now. Workers may run meanwhile."""
    found = settings()
    snapshots = Snapshots(found.snapshots_url, found.namespace + found.suffix)
    for number, folder in _stores(found.scoring):
        taken = snapshots.take(number, folder.with_suffix(".snapshot-by-hand"), partial(copy, folder))
        if taken is None:
            print(f"partition {number}: the newest snapshot is of this offset already")
        else:
            print(
                f"partition {number}: {taken.path}, {taken.size_bytes:,} bytes, up to offset {taken.offset:,}"
            )


@app.command()
def snapshots(partition: One) -> None:
    """List the snapshots of a partition, the newest first."""
    found = settings()
    for each in Snapshots(found.snapshots_url, found.namespace + found.suffix).of(partition):
        print(f"{each.path}  {each.size_bytes:,} bytes  offset {each.offset:,}")


@app.command()
def reset(
    partition: One,
    from_log: Annotated[
        bool,
        typer.Option(
            "--from-log", help="Drop its snapshots as well, so that it is folded from the log anew."
        ),
    ] = False,
) -> None:
    """Drop the state of a partition. Its worker must be stopped; at its next start it comes back by itself.

    It comes back from the newest snapshot and the log after it, or from the log alone.
    """
    found = settings()
    folder = found.scoring / f"partition-{partition}"
    if not folder.exists():
        raise CallerError(f"partition {partition} has no state in {found.data}")
    newest = newest_folder(folder)
    if newest is not None:
        _must_be_free(newest)
    shutil.rmtree(folder)
    print(f"partition {partition}: dropped {folder}")
    if from_log:
        for path in Snapshots(found.snapshots_url, found.namespace + found.suffix).drop(partition):
            print(f"partition {partition}: dropped {path}")


def _must_be_free(folder: Path) -> None:
    """Raises CallerError while a worker has the store open; a damaged one is free."""
    if Store.is_held(folder):
        raise CallerError(f"a worker has {folder} open: stop it first")


def _stores(folder: Path) -> list[tuple[int, Path]]:
    found = []
    for row in progress(folder):
        store = newest_folder(folder / f"partition-{row.partition}")
        if store is not None:
            found.append((row.partition, store))
    if not found:
        raise CallerError(f"no partition has been scored in {folder}")
    return found


def _ends(found: Settings) -> dict[int, int]:
    reader = consumer(found)
    try:
        ends = reader.end_offsets(partitions_of(reader, found.topics.activity))
        return {partition.partition: end for partition, end in ends.items()}
    finally:
        reader.close()


def _cells(row: Progress, end: int) -> list[str]:
    megabytes = f"{row.size_bytes / 2**20:,.1f}"
    return [
        str(row.partition), f"{row.offset:,}", f"{end - row.offset:,}", f"{row.people:,}", f"{row.unpublished:,}", megabytes
    ]  # fmt: skip


if __name__ == "__main__":
    with exit_on_error():
        app(prog_name="presence scoring")
