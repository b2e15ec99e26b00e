"""`presence associates`: whose scores count for whom."""

import json
import signal
import threading
from typing import Annotated

import typer
from rich.console import Console

from presence.associates.__main__ import LOOK_S
from presence.associates.bootstrap import job
from presence.associates.service import Written
from presence.cli.context import settings
from presence.log.kafka import ensure_topics
from presence.log.logging import configure

app = typer.Typer(no_args_is_help=True, help="Company: whose scores count for whom.")


@app.callback()
def associates() -> None:
    """Company: whose scores count for whom."""


@app.command("run")
def run(
    once: Annotated[
        bool, typer.Option("--once", help="End when the log has been followed to its end.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each snapshot.")] = False,
) -> None:
    """Follow the log, and once a day write what everybody's company is worth.

    A snapshot is of the last day's tick. It may run twice, or in several places: all write the same.
    """
    found = settings()
    configure(found.log_format)
    ensure_topics(found)
    stopping = threading.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: stopping.set())
    with job(found, stopping.is_set) as working:
        while not stopping.is_set():
            with Console(stderr=True).status("following the log"):
                written = working.step()
            if written is not None or once:
                _tell(written, as_json)
            if once:
                return
            stopping.wait(LOOK_S)


def _tell(written: Written | None, as_json: bool) -> None:
    if as_json:
        print(json.dumps(written.as_dict() if written else {"records": 0}, separators=(",", ":")), flush=True)
    elif written is None:
        Console().print("no day has ended since the last snapshot: nothing was written")
    else:
        Console().print(f"company of {written.people:,} people, {written.records:,} records written")
