"""`presence score` and `presence watch`: read scores from the gateway, for people or for programs."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from presence.cli import past
from presence.cli.context import EXIT_FAILED, client, settings
from presence.cli.recovery import recovery
from presence.cli.score_view import Ranking, score_panel
from presence.client import Score, Watch
from presence.events.errors import CallerError

TABLE_FRAME_ROWS = 6
"""Lines of a table that hold no person: title, head, borders."""

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per score and line.")]


def score(
    people: Annotated[
        list[str], typer.Argument(help="Ids, such as p_ and 26 characters.", metavar="PERSON...")
    ],
    as_json: AsJson = False,
    on: Annotated[
        str | None,
        typer.Option("--on", help="As it was published when this day of UTC closed.", metavar="2026-03-01"),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="With --on: as this model sees what had come by then.")
    ] = None,
    source: Annotated[
        str, typer.Option("--from", help="With --model: archive, kafka, or a path.", metavar="SOURCE")
    ] = "archive",
) -> None:
    """Show the score of one or more people, with its reasons; now, or on a day of the past.

    Exits with 1 if somebody has none.
    """
    if model is not None and on is None:
        raise CallerError("--model needs --on: what is live has the model of its scoring")
    if on is not None and model is not None:
        past.as_seen_by(people, past.day_of(on), model, source, as_json=as_json)
        return
    if on is not None:
        past.published(people, past.day_of(on), as_json=as_json)
        return
    with client(settings()) as gateway:
        batch = gateway.batch_get_scores(people)
        ways = {each.person: recovery(gateway, each.person, each.waterfall) for each in batch.scores}
    console = Console()
    for found in batch.scores:
        if as_json:
            print_json(found, recovery_in_days=ways[found.person])
        else:
            console.print(score_panel(found, ways[found.person]))
    for person in batch.not_found:
        print(f"presence: {person} has no score", file=sys.stderr)
    if batch.not_found:
        raise SystemExit(EXIT_FAILED)


def watch(
    people: Annotated[
        list[str], typer.Argument(help="Whom to watch; everybody if none.", metavar="[PERSON...]")
    ] = [],  # noqa: B006 (typer's way; never changed)
    as_json: AsJson = False,
    count: Annotated[int, typer.Option("--count", help="End after so many scores; 0: never.", min=0)] = 0,
) -> None:
    """Show scores and every change of them, ranked, until Ctrl-C."""
    with client(settings()) as gateway, gateway.watch(people) as watching:
        try:
            if as_json:
                _watch_as_json(watching, count)
            else:
                _watch_as_table(watching, count)
        except KeyboardInterrupt:
            return


def print_json(found: Score, **more: Any) -> None:
    """One line, at once, so that the reader of a pipe sees it; of `more` what is not empty."""
    told = found.as_dict() | {name: value for name, value in more.items() if value}
    print(json.dumps(told, separators=(",", ":")), flush=True)


def _watch_as_json(watching: Watch, count: int) -> None:
    shown = 0
    for update in watching:
        for person in update.erased:
            print(json.dumps({"person": person, "erased": True}, separators=(",", ":")), flush=True)
        for found in update.scores:
            print_json(found)
            shown += 1
            if shown == count:
                return


def _watch_as_table(watching: Watch, count: int) -> None:
    console = Console()
    ranking = Ranking()
    shown = 0
    with Live(console=console, auto_refresh=False) as live:
        for update in watching:
            ranking.update(update.scores)
            ranking.remove(update.erased)
            rows_max = max(1, console.height - TABLE_FRAME_ROWS)
            live.update(ranking.table(rows_max), refresh=update.caught_up)
            shown += len(update.scores)
            if count and shown >= count:
                return
