"""`presence ingest`: what a network says becomes events of the log, until SIGTERM or the end of the file."""

import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from presence.cli.context import settings
from presence.ingest.bootstrap import BlueskyOptions, Mode, bluesky_ingest
from presence.ingest.file import FileSource
from presence.ingest.network import KnownNetwork, all_needs, given, known, lacking, names
from presence.ingest.networks.jetstream import PUBLIC_URL
from presence.ingest.polling import polling_ingest
from presence.ingest.runner import Counts, Runner
from presence.ingest.streaming import streaming_ingest
from presence.ingest.webhooks.bootstrap import hooks, webhook_server
from presence.log.exposition import exposed
from presence.log.logging import configure
from presence.log.metrics import Service
from presence.log.settings import Settings

STOP_S = 4.5
"""A supervisor gives a process five seconds or more."""

app = typer.Typer(no_args_is_help=True, add_completion=False)
err = Console(stderr=True)


@app.callback()
def ingest() -> None:
    """Read a network, or a file of it, into the log. Ctrl-C or SIGTERM stops it; it goes on where it was."""


@app.command()
def bluesky(
    url: Annotated[str, typer.Option(help="The Jetstream server.")] = PUBLIC_URL,
    file: Annotated[
        Path | None, typer.Option(help="Read frames from this file, one a line, instead of a server.")
    ] = None,
    mode: Annotated[
        Mode,
        typer.Option(
            help="enrolled: all that touches somebody enrolled; authored: only what they write, with little traffic; "
            "open: enrol everybody who is met, for demonstrations and load."
        ),
    ] = Mode.ENROLLED,
    open_max: Annotated[
        int, typer.Option(min=1, help="In mode open: how many accounts to enrol at most.")
    ] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON at the end.")] = False,
) -> None:
    """Bluesky, by its Jetstream."""
    found = settings()
    configure(found.log_format)
    # What is out of reach is told in one line, by us; the libraries would tell of every try.
    for library in ("kafka", "websockets"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    options = BlueskyOptions(url=url, file=file, mode=mode, open_max=open_max)
    with (
        _progress() as show,
        bluesky_ingest(found, options) as runner,
        exposed(found, Service.INGEST, "ingest-bluesky"),
        stopped_by_signals(runner),
    ):
        runner.on_checkpoint = lambda _: show(runner)
        counts = runner.run()
    _print(counts, as_json=as_json)


@app.command()
def poll(
    network: Annotated[str, typer.Argument(help="Its short code: github, google, linkedin or yelp.")],
    url: Annotated[str, typer.Option(help="Another address of its API, as of a proxy.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON at the end.")] = False,
) -> None:
    """A network whose API is asked again and again, as often as it allows."""
    found = _quietly_configured()
    _run(found, network, polling_ingest(found, network, os.environ, url), as_json=as_json)


@app.command()
def stream(
    network: Annotated[str, typer.Argument(help="Its short code: x.")],
    url: Annotated[str, typer.Option(help="Another address of its API, as of a proxy.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON at the end.")] = False,
) -> None:
    """A network that answers one request for ever, with a line for each thing that happens."""
    found = _quietly_configured()
    _run(found, network, streaming_ingest(found, network, os.environ, url), as_json=as_json)


def _run(found: Settings, network: str, ingest: AbstractContextManager[Runner], *, as_json: bool) -> None:
    with ingest as runner, exposed(found, Service.INGEST, f"ingest-{network}"), stopped_by_signals(runner):
        counts = runner.run()
    _print(counts, as_json=as_json)


def _quietly_configured() -> Settings:
    """The settings. What is out of reach is told in one line, by us; the libraries would tell of every try."""
    found = settings()
    configure(found.log_format)
    for library in ("kafka", "httpx"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    return found


@app.command()
def doctor(
    network: Annotated[str, typer.Argument(help="Its short code; without one, all networks.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What a network's live side needs, what of it is missing, and where to get it. Shows no secret."""
    found = [known(each) for each in ([network] if network else names())]
    told = [_diagnosed(each) for each in found]
    if as_json:
        print(json.dumps(told[0] if network else told))
    else:
        for each in told:
            _print_diagnosis(each)
    if network and told[0]["missing"]:
        raise typer.Exit(1)


def _diagnosed(network: KnownNetwork) -> dict[str, Any]:
    needs = all_needs(network)
    held = given(needs, os.environ)
    return {
        "network": network.name,
        "title": network.title,
        "account": network.account,
        "imports": network.importer.takes if network.importer else None,
        "needs": [
            {
                "variable": need.variable,
                "set": need.variable in held,
                "optional": need.optional,
                "what": need.what,
                "where": need.where,
            }
            for need in needs
        ],
        "missing": [need.variable for need in lacking(network, os.environ)],
    }


def _print_diagnosis(told: dict[str, Any]) -> None:
    print(f"{told['title']} ({told['network']}); an account is {told['account']}")
    if told["imports"]:
        print(f"  imports {told['imports']}")
    if not told["needs"]:
        print("  needs no settings")
    for need in told["needs"]:
        unset = "MISSING" if need["variable"] in told["missing"] else "not set, optional"
        state = "set" if need["set"] else unset
        print(f"  {need['variable']} ({state}): {need['what']}")
        if not need["set"]:
            print(f"    from {need['where']}; or {need['variable']}_FILE names a file with it")


@app.command()
def webhooks(
    networks: Annotated[
        list[str] | None,
        typer.Argument(
            help="Short codes of networks; without any, all whose secrets are there.", metavar="NETWORK..."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; a proxy with TLS stands before it.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one and prints it.", min=0, max=65535)] = 8790,
    as_json: Annotated[bool, typer.Option("--json", help="Print the counts as JSON at the end.")] = False,
) -> None:
    """All networks that push, through one receiver: 200 once the log has it, 503 while it cannot."""
    found = _quietly_configured()
    doors = hooks(os.environ, networks or ())
    with (
        webhook_server(found, doors, host, port) as server,
        exposed(found, Service.INGEST, "ingest-webhooks"),
        stopped_by_signals(server),
    ):
        for door in doors:
            print(f"http://{host}:{server.port}{door.path}", file=sys.stderr, flush=True)
        server.run()
        counted = {network: runner.counts for network, runner in server.runners.items()}
        answers = dict(server.receiver.answers)
    if as_json:
        print(json.dumps({"answers": answers, **{name: each.as_json() for name, each in counted.items()}}))
        return
    print(f"answers  {_reasons(answers)}")
    for name, counts in counted.items():
        print(name)
        _print(counts, as_json=False)


class Stoppable(Protocol):
    """What ends by itself soon after `stop`."""

    def stop(self) -> None: ...


@contextmanager
def stopped_by_signals(runner: Stoppable) -> Iterator[None]:
    """SIGTERM and SIGINT stop the runner; where a broker that does not answer holds it up, the process still ends."""

    def stop(*_: object) -> None:
        runner.stop()
        late = threading.Timer(STOP_S, _leave)
        late.daemon = True
        late.start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _leave() -> None:
    print("presence: the broker did not answer; what it has not got is read again next time", file=sys.stderr)
    os._exit(0)  # As safe as kill -9: what is saved is never ahead of the broker.


@contextmanager
def _progress() -> Iterator[Callable[[Runner], None]]:
    """A function that shows how far a file is read; nothing is shown where nobody looks."""
    columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[frames]:,} frames"))
    with Progress(*columns, TimeRemainingColumn(), console=err, disable=not err.is_terminal) as progress:
        task = progress.add_task("", visible=False, frames=0)

        def show(runner: Runner) -> None:
            if isinstance(runner.source, FileSource):
                progress.update(
                    task,
                    visible=True,
                    total=max(runner.source.bytes_total, 1),
                    completed=runner.source.bytes_read,
                    frames=runner.counts.read,
                )

        yield show


def _print(counts: Counts, *, as_json: bool) -> None:
    plain = counts.as_json()
    if as_json:
        print(json.dumps(plain))
        return
    skipped, refused = plain.pop("skipped"), plain.pop("dlq_reasons")
    for name, value in plain.items():
        reasons = {"dlq": refused}.get(name, {})
        print(f"{name:>9} {value:>9,}{_reasons(reasons)}")
    print(f"{'skipped':>9} {sum(skipped.values()):>9,}{_reasons(skipped)}")
    sys.stdout.flush()


def _reasons(counted: dict[str, int]) -> str:
    return "  " + ", ".join(f"{reason} {number:,}" for reason, number in counted.items()) if counted else ""
