"""`presence replay verify`: what the log makes of everybody, against what live scoring has published and keeps."""

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from presence.batch.canonical import Networks, canonical
from presence.cli.context import EXIT_BAD_INPUT, settings
from presence.cli.model_input import load_model
from presence.cli.replay_options import CORES, AsJson, ModelFile, Processes, Resume, Source, Tail, running
from presence.events.errors import CallerError
from presence.log.numbered import newest_folder
from presence.log.settings import Settings
from presence.replay.compare import Live, Verdict, Wanted, compare
from presence.replay.published import live_scores
from presence.replay.run import Order, Replayed, replayed
from presence.scoring.audit import audited

POLL_S = 2.0
err = Console(stderr=True)


def verify(
    *,
    source: Source = "archive",
    model: ModelFile = None,
    tail: Tail = True,
    wait: float = typer.Option(30.0, "--wait", help="Seconds to wait for live scoring to catch up.", min=0),
    processes: Processes = CORES,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Replay all, and compare everybody with the live scores, and with the state in the stores of this host, to the byte.

    Exits with 0 if all is equal, 1 if anything differs, 2 if that cannot be said.
    """
    found = settings()
    rules = load_model(model or found.model)
    if source not in {"archive", "kafka"}:
        raise CallerError("live scores are compared with the log: --from archive or kafka")
    order = Order(source, rules, tail=tail, states=True)
    with (
        running(as_json=as_json) as stage,
        replayed(order, found, stage, processes=processes, resume=resume) as done,
    ):
        deadline = time.monotonic() + wait
        while True:
            verdict, stores = compared(done, found)
            if verdict.exit_code != EXIT_BAD_INPUT or time.monotonic() > deadline:
                break
            time.sleep(POLL_S)
    told = verdict.as_dict() | {"records": done.records, "stores": stores, "model": rules.hash}
    if as_json:
        print(json.dumps(told))
    else:
        show(told, verdict)
    raise typer.Exit(verdict.exit_code)


def compared(done: Replayed, found: Settings) -> tuple[Verdict, int]:
    """The verdict as of now, and how many stores of this host are in it."""
    networks = Networks(done.about.networks)
    with tempfile.TemporaryDirectory(dir=found.data, prefix="verify-") as folder:
        work = Path(folder)
        stores = list(_stores(found))
        states = [_states(number, store, work / f"store-{number}", networks) for number, store in stores]
        return compare(_wanted(done), [*live_scores(found, work), *states], networks, done.about.ends), len(
            stores
        )


def _wanted(done: Replayed) -> Iterator[Wanted]:
    columns = ("person", "partition", "offset", "value", "last_offset", "state")
    for frame in done.frames():
        for person, partition, offset, value, last_offset, state in frame.select(columns).iter_rows():
            yield Wanted((person, partition), offset, value, last_offset, state)


def _stores(found: Settings) -> Iterator[tuple[int, Path]]:
    for folder in sorted(found.scoring.glob("partition-*")):
        number = folder.name.rpartition("-")[2]
        store = newest_folder(folder) if number.isdigit() else None
        if store is not None and (store / "data.mdb").exists():
            yield int(number), store


def _states(number: int, store: Path, work: Path, networks: Networks) -> Iterator[Live]:
    for people, offsets, state in audited(store, work):
        packed = canonical(state, len(people), networks)
        for person, offset, value in zip(people, offsets.tolist(), packed, strict=True):
            yield Live((person, number), offset, value, "state")


def show(told: dict[str, object], verdict: Verdict) -> None:
    """The verdict for people."""
    table = Table(Column("what"), Column("", justify="right"), box=SIMPLE, title=str(told["verdict"]))
    for name in (
        "records",
        "scores_equal",
        "scores_differ",
        "stores",
        "states_equal",
        "states_differ",
        "behind",
        "moved",
    ):
        table.add_row(name.replace("_", " "), f"{told[name]:,}")
    Console().print(table)
    if (first := verdict.first) is not None:
        print(
            f"first: {first.person} in partition {first.partition}, {first.what} as of offset {first.offset}: "
            f"{first.field} is {first.replayed!r} replayed, {first.live!r} live"
        )
    elif verdict.behind:
        print(f"live scoring has not published everything: {verdict.behind:,} people are behind the log")
