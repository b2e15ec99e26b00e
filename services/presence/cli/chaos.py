"""`presence chaos`: scoring under faults, held against an independent fold of its log."""

import json
import random
import shutil
import signal
import tempfile
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from presence.chaos.guard import guarded
from presence.chaos.plan import Fault, Options
from presence.chaos.run import Result, Seen, run

err = Console(stderr=True)


def chaos(
    events: Annotated[int, typer.Option(help="How many events.", min=1)] = 20_000,
    kills: Annotated[int, typer.Option(help="Times that a worker is killed by SIGKILL.", min=0)] = 3,
    freezes: Annotated[int, typer.Option(help="Times that one is stopped for too long, and woken.", min=0)] = 0,
    joins: Annotated[int, typer.Option(help="Times that one more joins and leaves.", min=0)] = 0,
    broker_restarts: Annotated[int, typer.Option(help="Times that Kafka is stopped or killed.", min=0)] = 0,
    broker_pauses: Annotated[int, typer.Option(help="Times that Kafka hangs for a while.", min=0)] = 0,
    network_loss: Annotated[int, typer.Option(help="Times that a worker's network breaks.", min=0)] = 0,
    disk_full: Annotated[bool, typer.Option("--disk-full", help="Let the workers' disk be full once.")] = False,
    clock_jumps: Annotated[int, typer.Option(help="Times that a worker's clock is days wrong; also in the log.", min=0)] = 0,
    duplicates: Annotated[int, typer.Option(help="Percent of the events that come again.", min=0, max=100)] = 0,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="Deliver the events out of order.")] = False,
    workers: Annotated[int, typer.Option(help="Scoring workers.", min=1, max=16)] = 1,
    people: Annotated[int | None, typer.Option(help="People that the events are about.", min=1)] = None,
    partitions: Annotated[int, typer.Option(help="Of the log.", min=1, max=64)] = 4,
    seed: Annotated[int | None, typer.Option(help="Repeats a run.", show_default="a new one")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the log, the stores and what workers said.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Run scoring under faults, fold its log once more independently, and compare every person.

    Exits with 1 if anybody's score is wrong.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = Options(
        events=events,
        people=people or max(1, events // 30),
        partitions=partitions,
        workers=workers,
        seed=random.SystemRandom().randrange(2**31) if seed is None else seed,
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
                Fault.DISK_FULL: int(disk_full),
                Fault.CLOCK_JUMP: clock_jumps,
            }
        ),
    )
    result = _run(options, keep)
    print(json.dumps(_report(result)) if as_json else _report(result))
    if not result.right:
        raise SystemExit(1)


def _run(options: Options, keep: bool) -> Result:
    scratch = Path(tempfile.mkdtemp(prefix="presence-chaos-"))
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,} events"))
    try:
        with guarded(scratch), Progress(*columns, TimeElapsedColumn(), console=err, transient=True) as bar:
            task = bar.add_task("", total=options.events)

            def show(seen: Seen) -> None:
                bar.update(task, description=seen.doing, completed=seen.sent)

            result = run(options, scratch, show)
    except BaseException:
        err.print(f"what it left is in {scratch}", soft_wrap=True)
        raise
    if not result.right:
        _write_down(result, scratch)
    elif keep:
        err.print(f"kept: {scratch}", soft_wrap=True)
    else:
        shutil.rmtree(scratch)
    return result


def _write_down(result: Result, scratch: Path) -> None:
    """Leave what is wrong beside the log and the stores that made it."""
    found = result.verdict
    wrong = {
        "missing": found.missing,
        "extra": found.extra,
        "differing": [
            {"fields": each.fields, "said": each.said, "wanted": each.wanted} for each in found.differing
        ],
    }
    (scratch / "wrong.json").write_text(json.dumps(wrong, indent=1))
    err.print(f"something is wrong: {scratch}/wrong.json; repeat it with --seed {result.options.seed}", soft_wrap=True)


def _report(result: Result) -> dict[str, Any]:
    found = result.verdict
    worst = {fault: max(each) for fault, each in result.recovery_s.items() if each}
    return {
        "events": result.options.events,
        "records": result.records,
        "seconds": round(result.seconds, 1),
        **{str(fault): times for fault, times in result.faults.items()},
        "people": found.people,
        "missing": len(found.missing),
        "extra": len(found.extra),
        "differing": len(found.differing),
        "as_of_behind": found.as_of_behind,
        "revisions_back": result.revisions_back,
        "unrecovered": result.unrecovered,
        "worst_recovery_s": {str(fault): round(worst_s, 2) for fault, worst_s in worst.items()},
        "scores": result.scores,
        "workers_ended_by_themselves": len(result.ended),
        "workers_stuck": result.stuck,
        "seed": result.options.seed,
    }
