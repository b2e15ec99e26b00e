"""`presence top`, `rank`, `explain`, `history` and `simulate`: what else the gateway tells of scores."""

import itertools
import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console

from presence.cli import hypothetical
from presence.cli.context import EXIT_FAILED, client, settings
from presence.cli.hypothetical import ACT_FORM
from presence.cli.reasons_view import (
    PILLARS_CHARS_MIN,
    explanation_panel,
    history_panel,
    rank_panel,
    simulation_panel,
    top_table,
)
from presence.cli.recovery import recovery
from presence.cli.score import AsJson, print_json
from presence.client import Closing
from presence.events.errors import CallerError
from presence.events.vocabulary import PersonKind

HISTORY_DAYS = 90
ACTS_SHOWN = 20
SIMULATION_S = 30.0
"""For a model that is run for every point of a curve, on a machine that has other things to do."""
_REVISION = re.compile(r"[A-Za-z0-9_-]{18}")
Person = Annotated[str, typer.Argument(help="Pseudonymous id: p_ and 26 characters.")]


def top(
    kind: Annotated[str, typer.Option(help="person or business; both if not given.")] = "",
    by: Annotated[
        str, typer.Option(help="presence, visibility, or a pillar such as resonance.")
    ] = "presence",
    count: Annotated[int, typer.Option("--count", help="How many people.", min=1)] = 20,
    lowest: Annotated[bool, typer.Option("--lowest", help="The lowest first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the people who score most."""
    order_by = by if lowest else f"{by} desc"
    with client(settings()) as gateway:
        listed = gateway.list_scores(kind=_kind(kind), order_by=order_by, page_size=min(count, 1000))
        found = list(itertools.islice(listed, count))
    if as_json:
        for score in found:
            print_json(score)
        return
    console = Console()
    console.print(top_table(found, by, pillars=console.width >= PILLARS_CHARS_MIN))


def rank(person: Person, as_json: AsJson = False) -> None:
    """Show where somebody stands among everybody and within their kind."""
    with client(settings()) as gateway:
        ranked = gateway.get_rank(person)
    _show(ranked.as_dict() if as_json else rank_panel(ranked), as_json)


def explain(
    person: Person,
    since: Annotated[
        str,
        typer.Option(
            "--since",
            help="A day such as 2026-11-23, a number of days, or a score's revision: what changed since.",
        ),
    ] = "",
    acts: Annotated[
        int,
        typer.Option(
            "--acts", help="How many of the acts behind the change to show, in order.", min=0, max=1000
        ),
    ] = ACTS_SHOWN,
    links: Annotated[
        bool, typer.Option("--links", help="Show where each act can be seen; needs the scope links.read.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show why a score is what it is, what changed since a day closed or since a revision, and by which acts."""
    if links and not since:
        raise CallerError("--links shows the acts behind a change: say --since when")
    day, revision = ("", since) if _REVISION.fullmatch(since) else (_day(since), "")
    with client(settings()) as gateway:
        explanation = gateway.explain_score(
            person, since_day=day, since_revision=revision, acts=acts if since else 0, links=links
        )
        way = recovery(gateway, person, explanation.reasons)
    told = explanation.as_dict() | {"recovery_in_days": way}
    _show(told if as_json else explanation_panel(explanation, way), as_json)


def history(
    person: Person,
    days: Annotated[int, typer.Option(help="How far back.", min=1, max=400)] = HISTORY_DAYS,
    as_json: AsJson = False,
) -> None:
    """Show the daily closings of a score. Exits with 1 if there is none."""
    with client(settings()) as gateway:
        closings = list(gateway.history(person, first_day=_day(str(days))))
    if as_json:
        for closing in closings:
            print(json.dumps(_as_dict(closing), separators=(",", ":")))
    elif closings:
        Console().print(history_panel(person, closings))
    if not closings:
        print(f"presence: no day of the last {days} was closed for {person}", file=sys.stderr)
        raise SystemExit(EXIT_FAILED)


def simulate(
    person: Person,
    finding: Annotated[
        list[str],
        typer.Option("--finding", help="minor, serious or severe; severe:30 is in 30 days. Repeat for more."),
    ] = [],  # noqa: B006 (typer's way; never changed)
    act: Annotated[
        list[str],
        typer.Option(
            "--act", help=f"What did not happen: {ACT_FORM}, such as x:to:like:note*100@7. Repeat for more."
        ),
    ] = [],  # noqa: B006 (as above)
    days: Annotated[int, typer.Option(help="How far to look.", min=1, max=3650)] = 365,
    as_json: AsJson = False,
) -> None:
    """Show what acts and findings about conduct would do to a score, and how long it would take to mend."""
    findings, acts = (
        [hypothetical.finding(each) for each in finding],
        [hypothetical.act(each) for each in act],
    )
    with client(settings()) as gateway:
        simulation = gateway.simulate_score(person, findings, acts=acts, days=days, timeout_s=SIMULATION_S)
    _show(simulation.as_dict() if as_json else simulation_panel(simulation), as_json)


def _show(what: Any, as_json: bool) -> None:
    if as_json:
        print(json.dumps(what, separators=(",", ":")))
    else:
        Console().print(what)


def _as_dict(closing: Closing) -> dict[str, Any]:
    return {"day": closing.day, "score": closing.score.as_dict()}


def _kind(word: str) -> PersonKind:
    known = {kind.name.lower(): kind for kind in PersonKind if kind}
    if word and word not in known:
        raise CallerError(f"there is no kind {word!r}: {', '.join(known)}")
    return known.get(word, PersonKind.UNSPECIFIED)


def _day(text: str) -> str:
    """A number of days as the day so long ago; anything else as it is, for the gateway to judge."""
    if not text.isdecimal():
        return text
    return (datetime.now(UTC).date() - timedelta(days=int(text))).isoformat()
