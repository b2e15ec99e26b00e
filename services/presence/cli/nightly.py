"""`presence nightly`: compare everybody's live score with a replay of the log once a night, and tell Prometheus what came of it."""

import json
import os
import signal
import subprocess
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
import typer

from presence.cli.context import settings
from presence.cli.supervise import python
from presence.events.errors import CallerError
from presence.log.clock import now_ms
from presence.log.exposition import exposed
from presence.log.logging import configure
from presence.log.metrics import VERIFY_ENDED, VERIFY_FAILED, VERIFY_PEOPLE, VERIFY_WRONG, Service

LOOK_S = 30.0
"""How often the wall clock is looked at: it may be set, and the machine may sleep."""
COMPARED = {0, 1}
"""Exit codes of `presence replay verify` that say how it is; any other says that it cannot be said."""

log = structlog.get_logger("presence.nightly")


class Verified(msgspec.Struct, frozen=True):
    """What the last comparison that could be carried out found, and when it ended."""

    ended_ms: int
    people: int
    wrong: int


def nightly(
    at: Annotated[str, typer.Option(help="When, in UTC, as HH:MM.")] = "02:00",
    source: Annotated[str, typer.Option("--from", help="As of `presence replay verify`.")] = "kafka",
    once: Annotated[bool, typer.Option("--once", help="Compare now, and end.")] = False,
) -> None:
    """Compare live scores with the log every night, until SIGTERM; a difference is told to Prometheus and in the log."""
    found = settings()
    configure(found.log_format)
    kept, hour = found.data / "nightly.json", _hour(at)
    if once:
        raise typer.Exit(0 if run(source, kept) else 1)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    with exposed(found, Service.NIGHTLY, f"nightly{found.suffix}"):
        if (before := last(kept)) is not None:
            _show(before)
        due = next_at(datetime.fromtimestamp(now_ms() / 1000, UTC), hour)
        while not stopping.wait(LOOK_S):
            now = datetime.fromtimestamp(now_ms() / 1000, UTC)
            if now >= due:
                run(source, kept)
                due = next_at(now, hour)


def run(source: str, kept: Path) -> bool:
    """One comparison, in a process of its own; False if it found a difference or could not be carried out."""
    command = python("presence.cli.main", "replay", "verify", "--from", source, "--json")
    ran = subprocess.run(command, env=os.environ, check=False, capture_output=True, text=True)  # noqa: S603 (ours)
    if ran.returncode not in COMPARED:
        VERIFY_FAILED.inc()
        log.error("not compared", exit_code=ran.returncode)
        return False
    told = json.loads(ran.stdout.splitlines()[-1])
    wrong = told["scores_differ"] + told["states_differ"]
    found = Verified(now_ms(), told["scores_equal"] + told["scores_differ"], wrong)
    part = kept.with_suffix(".part")
    part.write_bytes(msgspec.json.encode(found))
    part.replace(kept)
    _show(found)
    (log.error if wrong else log.info)("compared", people=found.people, wrong=wrong)
    return ran.returncode == 0


def last(kept: Path) -> Verified | None:
    """What the last comparison found; None before the first."""
    try:
        return msgspec.json.decode(kept.read_bytes(), type=Verified)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def next_at(now: datetime, hour: tuple[int, int]) -> datetime:
    """The next moment after `now` at that hour and minute.

    >>> next_at(datetime(2026, 5, 31, 2, 0), (2, 0))
    datetime.datetime(2026, 6, 1, 2, 0)
    """
    due = now.replace(hour=hour[0], minute=hour[1], second=0, microsecond=0)
    return due if due > now else due + timedelta(days=1)


def _show(found: Verified) -> None:
    VERIFY_ENDED.set(found.ended_ms / 1000)
    VERIFY_PEOPLE.set(found.people)
    VERIFY_WRONG.set(found.wrong)


def _hour(at: str) -> tuple[int, int]:
    try:
        given = datetime.strptime(at, "%H:%M").replace(tzinfo=UTC)
    except ValueError as error:
        raise CallerError(f"--at must be HH:MM, not {at!r}") from error
    return given.hour, given.minute
