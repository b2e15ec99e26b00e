"""`presence chaos`: scoring under faults, held against an independent fold of its log."""

import json
import random
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from presence.chaos import disk
from presence.chaos.guard import guarded
from presence.chaos.plan import Fault, Options
from presence.chaos.run import Result, Seen, run

EVENTS_PER_PERSON = 30
SEEDS = 2**31

err = Console(stderr=True)


def chaos(  # noqa: PLR0917 (typer makes options of them)
    events: Annotated[int, typer.Option(help="How many events.", min=1)] = 20_000,
    kills: Annotated[int, typer.Option(help="Times that a worker is killed by SIGKILL.", min=0)] = 3,
    workers: Annotated[int, typer.Option(help="Scoring workers, on one folder.", min=1, max=16)] = 1,
    freezes: Annotated[
        int, typer.Option(help="Times that a worker stands still until it is taken for dead.", min=0)
    ] = 0,
    joins: Annotated[int, typer.Option(help="Times that one more worker joins and leaves.", min=0)] = 0,
    broker_restarts: Annotated[int, typer.Option(help="Times that Kafka is stopped or killed.", min=0)] = 0,
    broker_pauses: Annotated[int, typer.Option(help="Times that Kafka stands still.", min=0)] = 0,
    network_loss: Annotated[int, typer.Option(help="Times that a worker loses the broker.", min=0)] = 0,
    disk_full: Annotated[bool, typer.Option("--disk-full", help="Once, the workers' disk is full.")] = False,
    clock_jumps: Annotated[
        bool,
        typer.Option("--clock-jumps", help="Once, a worker's clock is days wrong; clocks in the log too."),
    ] = False,
    duplicates: Annotated[
        int, typer.Option(help="Percent of the events that come again.", min=0, max=100)
    ] = 0,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="Deliver the events out of order.")] = False,
    people: Annotated[
        int | None, typer.Option(help="People they are about.", min=1, show_default="a 30th of the events")
    ] = None,
    partitions: Annotated[int, typer.Option(help="Of the log.", min=1, max=64)] = 4,
    seed: Annotated[
        int | None, typer.Option(help="Of an earlier run, to repeat it.", show_default="new")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the log, the stores and what workers said.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Score seeded events with a Kafka of its own under faults, and compare everybody with a fold of the whole log.

    Exits with 1 if anything is wrong. A seed repeats the events and the plan of the faults, not the scheduling of
    processes.
    """
    no_disk = disk.unavailable() if disk_full else None
    options = Options(
        events=events,
        people=people or max(1, events // EVENTS_PER_PERSON),
        partitions=partitions,
        workers=workers,
        seed=random.SystemRandom().randrange(SEEDS) if seed is None else seed,
        duplicates_percent=duplicates,
        shuffle=shuffle,
        faults=MappingProxyType(
            {
                Fault.KILL: kills,
                Fault.FREEZE: freezes,
                Fault.JOIN: joins,
                Fault.BROKER_RESTART: broker_restarts,
                Fault.BROKER_PAUSE: broker_pauses,
                Fault.NETWORK_LOSS: network_loss,
                Fault.DISK_FULL: int(disk_full and no_disk is None),
                Fault.CLOCK_JUMP: int(clock_jumps),
            }
        ),
    )
    result = _tried(options, keep)
    report = _report(result) | {"skipped": {Fault.DISK_FULL: no_disk} if no_disk else {}}
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(_table(report))
    if not result.right:
        raise SystemExit(1)


def _tried(options: Options, keep: bool) -> Result:
    """The result of a run in a folder of its own, which stays if something is wrong."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    scratch = Path(tempfile.mkdtemp(prefix="presence-chaos-"))
    try:
        with guarded(scratch), _bar() as bar:
            task = bar.add_task("Kafka: starting", total=options.events)

            def show(seen: Seen) -> None:
                bar.update(task, description=seen.doing, completed=seen.sent)

            result = run(options, scratch, show)
    except KeyboardInterrupt:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    except BaseException:
        err.print(f"what it left: {scratch}", soft_wrap=True)
        raise
    if not result.right:
        _write_down(result, scratch / "wrong.json")
        err.print(f"something is wrong, see {scratch}; again: {_again(options.seed)}", soft_wrap=True)
    elif keep:
        err.print(f"kept: {scratch}", soft_wrap=True)
    else:
        shutil.rmtree(scratch)
    return result


def _bar() -> Progress:
    columns = (TextColumn("{task.description:<32}"), BarColumn(), TextColumn("{task.completed:,} events"))
    return Progress(*columns, TimeElapsedColumn(), console=err, transient=True)


def _again(seed: int) -> str:
    """The command that repeats this one."""
    arguments = sys.argv[1:] if "--seed" in sys.argv else [*sys.argv[1:], "--seed", str(seed)]
    return shlex.join(["presence", *arguments])


def _write_down(result: Result, path: Path) -> None:
    """Leave what is wrong beside the log and the stores that made it."""
    found = result.verdict
    wrong = {
        "missing": found.missing,
        "extra": found.extra,
        "states": result.states_differing,
        "differing": [
            {"fields": each.fields, "said": each.said, "wanted": each.wanted} for each in found.differing
        ],
    }
    path.write_text(json.dumps(wrong, indent=1))


def _report(result: Result) -> dict[str, Any]:
    found = result.verdict
    return {
        "events": result.options.events,
        "records": result.records,
        "scores": result.scores,
        "seconds": round(result.seconds, 1),
        **{str(fault): result.faults[fault] for fault in Fault},
        "people": found.people,
        "missing": len(found.missing),
        "extra": len(found.extra),
        "differing": len(found.differing),
        "states_differing": len(result.states_differing),
        "revisions_back": result.revisions_back,
        "unrecovered": result.unrecovered,
        "workers_stuck": result.stuck,
        "workers_ended_by_themselves": len(result.ended),
        "as_of_behind": found.as_of_behind,
        "worst_recovery_seconds": {
            str(fault): round(max(each), 2) for fault, each in result.recovery_s.items()
        },
        "full_disk_was": result.full_disk_was,
        "seed": result.options.seed,
        "right": result.right,
    }


def _table(report: dict[str, Any]) -> Table:
    table = Table("", Column("", justify="right"), box=SIMPLE, show_header=False)
    for name, value in report.items():
        if shown := _shown(value):
            table.add_row(name.replace("_", " "), shown)
    return table


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')}: {each}" for name, each in value.items())
    return "" if value is None else str(value)
