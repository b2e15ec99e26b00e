"""`presence import`: the export file of a network becomes events of the log, or, rehearsed, of a file."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from presence.cli.context import settings
from presence.cli.ingest import stopped_by_signals
from presence.events.errors import CallerError
from presence.ingest.importing import Import, ImportOptions, imported, rehearsed
from presence.log.logging import configure

err = Console(stderr=True)


def import_export(  # noqa: PLR0917 (typer calls it by name)
    network: Annotated[str, typer.Argument(help="Its short code: bluesky, linkedin, google, glassdoor, ...")],
    path: Annotated[
        Path, typer.Argument(help="The export as the network gave it: a file, a folder or a zip.")
    ],
    person: Annotated[str, typer.Option(help="Whose it is. In a dry run any name will do.")] = "",
    account: Annotated[
        str,
        typer.Option(
            help="Which of the person's accounts, if the export does not say and there are several."
        ),
    ] = "",
    again: Annotated[
        bool, typer.Option("--again", help="From the beginning, also if the log has this export already.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Write to no log and need no broker; ids are not those of the log."),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="In a dry run: a file for the events, one a line, as `presence model` reads them; - for stdout."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the counts as one JSON object at the end.")
    ] = False,
) -> None:
    """Import a network's export. What was imported or captured before counts once; killed, it goes on where it was."""
    if out is not None and not dry_run:
        raise CallerError("--out is for --dry-run: without it, events go to the log")
    if not person and not dry_run:
        raise CallerError("--person is missing: `presence roster list` shows who is enrolled")
    found = settings()
    configure(found.log_format)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    options = ImportOptions(
        network=network, path=path, person=person or "somebody", account=account, again=again
    )
    with (
        _opened(out) as file,
        rehearsed(options, file) if dry_run else imported(found, options) as one,
        _progress(one) as show,
        stopped_by_signals(one.runner),
    ):
        one.runner.on_checkpoint = lambda _: show()
        one.runner.run()
        finished = one.source.done
        result = one.result()
    _print(result, sys.stderr if out == Path("-") else sys.stdout, as_json=as_json)
    if not finished:
        raise typer.Exit(1)


@contextmanager
def _opened(out: Path | None) -> Iterator[TextIO | None]:
    if out is None or out == Path("-"):
        with nullcontext(sys.stdout if out else None) as file:
            yield file
        return
    try:
        with out.open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise CallerError(f"{out}: {error.strerror}") from error


@contextmanager
def _progress(one: Import) -> Iterator[Callable[[], None]]:
    """A function that shows how far the export is read, how fast, and when it ends; nothing where nobody looks."""
    columns = (
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("{task.fields[items]:,} items"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task("", items=0)

        def show() -> None:
            export = one.source.export
            total = max(export.bytes_total, export.bytes_read, 1)
            progress.update(task, total=total, completed=export.bytes_read, items=one.runner.counts.read)

        yield show


def _print(result: dict[str, Any], file: TextIO, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result), file=file, flush=True)
        return
    reasons = result.pop("dlq_reasons")
    for name in ("read", "events", "undo", "gauges", "flags"):
        print(f"{name:>9} {result[name]:>11,}", file=file)
    for name, told in (("skipped", result["skipped"]), ("dlq", reasons)):
        words = ", ".join(f"{reason} {number:,}" for reason, number in sorted(told.items()))
        print(f"{name:>9} {sum(told.values()):>11,}  {words}".rstrip(), file=file)
    for kind, numbers in result.get("declared", {}).items():
        if numbers["says"] != numbers["read"]:
            print(
                f"presence: of {kind} the export says {numbers['says']:,}, and has {numbers['read']:,}",
                file=sys.stderr,
            )
    file.flush()
