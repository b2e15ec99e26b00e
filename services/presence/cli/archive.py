"""`presence archive`: write the activity log down as Parquet, look at what there is, take erased people out."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn
from rich.table import Column, Table

from presence.archive import layout
from presence.archive.__main__ import main as serve
from presence.archive.errors import ArchiveBroken
from presence.archive.store import Archive
from presence.archive.tombstones import all_tombstones
from presence.archive.upkeep import erased_people, purge
from presence.archive.verify import AgainstLog, Found
from presence.archive.verify import verify as verify_partition
from presence.cli.context import EXIT_FAILED, settings
from presence.events.errors import CallerError, SourceUnavailable
from presence.log.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The activity log as Parquet files.")
err = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per partition and line.")]


@app.command()
def run() -> None:
    """Follow the log and write it down, until SIGTERM or Ctrl-C. It goes on from where the archive ends.

    PRESENCE_ARCHIVE says where to: a folder, or s3://bucket/prefix. Several at once are harmless.
    """
    os.environ["PRESENCE_KAFKA"] = settings().kafka
    raise SystemExit(serve())


@app.command()
def status(as_json: AsJson = False) -> None:
    """What the archive has of each partition, by its manifests. An archiver may run meanwhile."""
    archive = _archive(settings())
    manifests = [archive.manifest(each) for each in archive.partitions()]
    if as_json:
        for each in manifests:
            days = [layout.day_name(each.files[at].day) if each.files else None for at in (0, -1)]
            print(
                json.dumps(
                    {
                        "partition": each.partition, "version": each.version, "files": len(each.files),
                        "rows": each.rows, "bytes": each.bytes, "first": each.first, "next_offset": each.next_offset,
                        "first_day": days[0], "last_day": days[1], "purged": sum(file.purged for file in each.files),
                    }
                )
            )  # fmt: skip
        return
    table = _table("partition", "days", "files", "records", "purged", "next offset", "MB")
    for each in manifests:
        span = sorted({layout.day_name(file.day) for file in (*each.files[:1], *each.files[-1:])})
        table.add_row(
            str(each.partition), " to ".join(span), f"{len(each.files):,}", f"{each.rows:,}",
            f"{sum(file.purged for file in each.files):,}", f"{each.next_offset or 0:,}", f"{each.bytes / 1e6:,.1f}",
        )  # fmt: skip
    Console().print(archive.url, table)


@app.command()
def verify(
    as_json: AsJson = False,
    against_log: Annotated[
        bool,
        typer.Option("--against-log", help="Also compare every record with Kafka's, where it has it still."),
    ] = False,
) -> None:
    """Read every byte of the archive and name all that is wrong: exit code 1 if anything is."""
    found = settings()
    archive = _archive(found)
    compare = AgainstLog(found, _erased(archive, found)) if against_log else None
    try:
        total = sum(archive.manifest(each).bytes for each in _sound(archive))
        with _progress(total) as advance:
            results = [
                verify_partition(archive, each, compare, lambda file: advance(file.bytes))
                for each in archive.partitions()
            ]
    finally:
        if compare is not None:
            compare.close()
    if as_json:
        for each in results:
            print(json.dumps(each.as_json()))
    else:
        _show(results, compared=against_log)
    if any(each.problems for each in results):
        raise SystemExit(EXIT_FAILED)


@app.command(name="purge")
def purge_erased(as_json: AsJson = False) -> None:
    """Take everybody who was erased out of every file, now. The archiver does the same by itself, within the hour.

    Who was erased is known from the roster in Kafka, if it answers, and from the archive itself.
    """
    found = settings()
    archive = _archive(found)
    erased = _erased(archive, found)
    results = []
    with _progress(len(archive.partitions())) as advance:
        for each in archive.partitions():
            results.append(
                {"partition": each, **purge(archive, each, erased)._asdict(), "erased": len(erased)}
            )
            archive.sweep(each)
            advance(1)
    if as_json:
        for result in results:
            print(json.dumps(result))
        return
    table = _table("partition", "files rewritten", "records gone")
    for result in results:
        table.add_row(*(f"{result[name]:,}" for name in ("partition", "files", "rows")))
    Console().print(f"{len(erased):,} people are erased", table)


def _archive(found: Settings) -> Archive:
    archive = Archive.of(found)
    if not archive.partitions():
        raise CallerError(f"nothing is archived at {archive.url}: `presence archive run` does it")
    return archive


def _sound(archive: Archive) -> Iterator[int]:
    """The partitions whose manifest can be read."""
    for partition in archive.partitions():
        try:
            archive.manifest(partition)
        except ArchiveBroken:
            continue
        yield partition


def _erased(archive: Archive, found: Settings) -> set[str]:
    erased: set[str] = set()
    for partition in archive.partitions():
        erased |= erased_people(archive, partition)
    try:
        return erased | all_tombstones(found)
    except SourceUnavailable:
        err.print(
            f"Kafka at {found.kafka} does not answer: only those are known whom the archive itself names"
        )
        return erased


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda step: progress.advance(task, step)


def _table(*names: str) -> Table:
    return Table(*(Column(name, justify="right", no_wrap=True) for name in names), box=SIMPLE)


def _show(results: list[Found], *, compared: bool) -> None:
    more = ("compared with Kafka",) if compared else ()
    table = _table("partition", "files", "records", "offsets", "problems", *more)
    for each in results:
        offsets = f"{each.first:,} to {each.next_offset - 1:,}" if each.next_offset is not None else ""
        cells = (str(each.partition), f"{each.files:,}", f"{each.rows:,}", offsets, f"{len(each.problems):,}")
        table.add_row(*cells, *((f"{each.compared:,}",) if compared else ()))
    Console().print(table)
    for each in results:
        for problem in each.problems:
            Console(soft_wrap=True).print(f"{problem.what}: {problem.message}", highlight=False)
        if each.unnamed:
            Console().print(
                f"partition {each.partition}: {len(each.unnamed)} files that no manifest names (harmless)"
            )
