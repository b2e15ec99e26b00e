"""`presence score --on DAY`: a score of the past, as it was published or as another model sees it."""

import json
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from rich.console import Console

from presence.cli.context import EXIT_FAILED, client, settings
from presence.cli.score_view import score_panel
from presence.client import Score
from presence.client.score import from_message
from presence.events.errors import CallerError
from presence.log.topics import DAY_MS
from presence.v1 import score_pb2

EPOCH = date(1970, 1, 1)


def day_of(text: str) -> date:
    """The day that `text` names, as 2026-03-01. Raises CallerError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CallerError(f"{text!r} is no day: write it as 2026-03-01") from error


def published(people: Sequence[str], day: date, *, as_json: bool) -> None:
    """Show the closing of a day, as it was published: nothing changes it afterwards. Exits with 1 if somebody has none."""
    missing = []
    with client(settings()) as gateway:
        for person in people:
            found = [each.score for each in gateway.history(person, first_day=str(day), last_day=str(day))]
            _show(found, day, "published", as_json=as_json)
            missing += [] if found else [person]
    _end(missing, f"no score that closed {day}")


def as_seen_by(people: Sequence[str], day: date, model: Path, source: str, *, as_json: bool) -> None:
    """Show what a model makes of what had come by the end of a day. Exits with 1 if somebody had nothing then."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    # What reads a log is imported only where it is needed: a score is asked for often.
    from presence.cli.model_input import load_model  # noqa: PLC0415
    from presence.cli.replay_options import running  # noqa: PLC0415
    from presence.replay.run import Order, replayed  # noqa: PLC0415

    rules = load_model(model)
    until_ms = ((day - EPOCH).days + 1) * DAY_MS - 1
    missing = []
    for person in people:
        order = Order(source, rules, until_ms, person)
        with running(as_json=as_json) as stage, replayed(order, settings(), stage) as done:
            values = [value for frame in done.frames() for value in frame.get_column("value") if value]
        found = [from_message(score_pb2.Score.FromString(value)) for value in values]
        _show(found, day, "replayed", as_json=as_json)
        missing += [] if found else [person]
    _end(missing, f"nothing in {source} by the end of {day}")


def _show(found: Sequence[Score], day: date, how: str, *, as_json: bool) -> None:
    for score in found:
        if as_json:
            print(json.dumps({"on": str(day), "as": how, **score.as_dict()}, separators=(",", ":")))
            continue
        told = (
            "as it was published"
            if how == "published"
            else f"as {score.model} sees it today; it was never published"
        )
        Console().print(f"{day}, {told}", score_panel(score))


def _end(missing: Sequence[str], what: str) -> None:
    for person in missing:
        print(f"presence: {person} has {what}", file=sys.stderr)
    if missing:
        raise SystemExit(EXIT_FAILED)
