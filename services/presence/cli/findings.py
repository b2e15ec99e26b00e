"""`presence flag`, `unflag`, `appeal` and `findings`: what people find about conduct, and decide."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from presence.cli.context import client, settings
from presence.client import Finding
from presence.events.errors import CallerError
from presence.events.vocabulary import Category, Decision, Grounds, Severity, Word

Person = Annotated[str, typer.Argument(help="Pseudonymous id: p_ and 26 characters.")]
FindingId = Annotated[
    str, typer.Argument(help="The finding's id, as `presence findings` shows it.", metavar="ID")
]
Note = Annotated[
    str, typer.Option(help="Why, in up to 500 characters; name nobody. It is sealed with the person's key.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object per finding and line.")]


def findings(person: Person, as_json: AsJson = False) -> None:
    """Show the findings about somebody's conduct, open and withdrawn."""
    with client(settings()) as gateway:
        _show(gateway.list_findings(person), as_json)


def flag(
    person: Person,
    severity: Annotated[str, typer.Argument(help="minor, serious or severe.")],
    category: Annotated[
        str, typer.Argument(help="hate, harassment, threat, sexual, deception, profanity or other.")
    ],
    *,
    at: Annotated[
        str, typer.Option("--at", help="When it happened, such as 2026-11-23; now, if not given.")
    ] = "",
    grounds: Annotated[str, typer.Option(help="reviewed, reported or other.")] = "reviewed",
    note: Note = "",
    request_id: Annotated[str, typer.Option(help="The same one again makes no second finding.")] = "",
    as_json: AsJson = False,
) -> None:
    """Log a finding about somebody's conduct that a person reached; the score says so at once."""
    with client(settings()) as gateway:
        made = gateway.create_finding(
            person,
            _word(Severity, severity),
            _word(Category, category),
            occurred_ms=_millis(at),
            grounds=_word(Grounds, grounds),
            note=note,
            request_id=request_id,
        )
    _show([made], as_json)


def unflag(
    person: Person,
    finding: FindingId,
    *,
    grounds: Annotated[
        str, typer.Option(help="quotation, context, not_the_author, mended, mistake or other.")
    ] = "mistake",
    note: Note = "",
    uphold: Annotated[bool, typer.Option("--uphold", help="Say that it stands instead.")] = False,
    reopen: Annotated[bool, typer.Option("--reopen", help="Open it again after it was withdrawn.")] = False,
    as_json: AsJson = False,
) -> None:
    """Withdraw a finding: the score is at once what it would be without it."""
    if uphold and reopen:
        raise CallerError("--uphold and --reopen are two decisions: choose one")
    decision = Decision.UPHELD if uphold else Decision.FOUND if reopen else Decision.WITHDRAWN
    with client(settings()) as gateway:
        decided = gateway.decide_finding(
            person, finding, decision, grounds=_word(Grounds, grounds), note=note
        )
    _show([decided], as_json)


def appeal(person: Person, finding: FindingId, note: Note = "", as_json: AsJson = False) -> None:
    """Object to a finding. It stands until somebody withdraws or upholds it."""
    with client(settings()) as gateway:
        _show([gateway.appeal_finding(person, finding, note=note)], as_json)


def _show(found: Sequence[Finding], as_json: bool) -> None:
    if as_json:
        for each in found:
            print(json.dumps(each.as_dict(), separators=(",", ":"), ensure_ascii=False))
        return
    if not found:
        Console().print("there are no findings")
        return
    table = Table(expand=False)
    for column in ("id", "what", "of", "by", "sure", "stands", "why", "note", "link"):
        table.add_column(column, overflow="fold")
    for each in found:
        table.add_row(
            each.id,
            f"{each.severity.name.lower()} {each.category.name.lower()}",
            f"{datetime.fromtimestamp(each.occurred_ms / 1000, UTC):%Y-%m-%d}",
            each.moderator or each.operator,
            f"{each.confidence / 10_000:.0f} %" if each.moderator else "",
            "withdrawn" if each.withdrawn else each.decision.name.lower(),
            each.grounds.name.lower() if each.grounds else "",
            each.note,
            each.link,
        )
    Console().print(table)


def _word(words: type[Word], text: str) -> Any:
    try:
        return words.parse(text)
    except ValueError:
        known = ", ".join(word.name.lower() for word in words if word)
        raise CallerError(f"there is no {words.__name__.lower()} {text!r}: {known}") from None


def _millis(text: str) -> int:
    """The time in ms; 0 for none. Raises CallerError for what is no date or time."""
    if not text:
        return 0
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise CallerError(
            f"{text!r} is no date or time, such as 2026-11-23 or 2026-11-23T18:00+00:00"
        ) from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
