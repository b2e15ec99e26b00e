"""`presence conduct`: how right a moderator is, and how fast."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from presence.cli import hostile
from presence.conduct import measure
from presence.conduct.measure import Labelled, Outcome, Tally
from presence.conduct.moderator import DEFAULT, Moderator, load, names
from presence.events.errors import CallerError
from presence.events.vocabulary import Category

TUNED, HELD_OUT = Path("tests/data/conduct.tsv"), Path("tests/data/conduct-held-out.tsv")
TIMED_S = 0.3

app = typer.Typer(no_args_is_help=True, help="Moderators: what reads at ingest what the enrolled publish.")


@app.callback()
def conduct() -> None:
    """Moderators: what reads at ingest what the enrolled publish."""


@app.command("moderators")
def moderators() -> None:
    """List the moderators that are installed; PRESENCE_MODERATOR chooses one."""
    for name in names():
        found = load(name)
        assert found is not None
        print(f"{name} {found.version}")


@app.command("measure")
def measured(
    data: Annotated[
        list[Path], typer.Option("--data", help="Labelled texts: a table with tabs. Repeat for more.")
    ] = [],  # noqa: B006 (typer's way; never changed)
    moderator: Annotated[str, typer.Option(help="One of `presence conduct moderators`.")] = DEFAULT,
    wrong: Annotated[
        bool, typer.Option("--wrong", help="Also show each text that was judged wrongly.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Measure a moderator on labelled texts: precision and recall of every category, and texts per second.

    Without --data, on those of the source tree: what it was tuned on, and what was kept from tuning.
    """
    judge = load(moderator)
    if judge is None:
        raise CallerError("`none` reads nothing that could be measured")
    results = {}
    for path in data or [TUNED, HELD_OUT]:
        texts = measure.read(path)
        quiet = as_json or not Console(stderr=True).is_terminal
        shown = track(texts, path.name, console=Console(stderr=True), disable=quiet, transient=True)
        results[path.name] = _result(measure.judged(judge, shown), judge, texts, wrong)
    told = {"moderator": judge.name, "version": judge.version, "texts": results, "hostile": _hostile(judge)}
    if as_json:
        print(json.dumps(told, ensure_ascii=False, separators=(",", ":")))
    else:
        _show(told, wrong)


def _result(
    outcomes: Sequence[Outcome], judge: Moderator, texts: Sequence[Labelled], wrong: bool
) -> dict[str, Any]:
    sorts = sorted({each.sort for each in texts if not each.category})
    result: dict[str, Any] = {
        "texts": len(texts),
        "accused": _tally(measure.accusing(outcomes)),
        "categories": {
            category.name: _tally(measure.of_category(outcomes, category))
            for category in Category
            if any(category in {each.labelled.category, each.found} for each in outcomes) and category
        },
        "accused_of_nothing": {sort: _wrongly(outcomes, sort) for sort in sorts},
        "texts_per_s": _rate(judge, [each.text for each in texts]),
    }
    if wrong:
        result["wrong"] = [
            {"text": each.labelled.text, "is": each.labelled.category.name, "found": each.found.name}
            for each in outcomes
            if each.found is not each.labelled.category
        ]
    return result


def _wrongly(outcomes: Sequence[Outcome], sort: str) -> dict[str, int]:
    """Of the harmless texts of a sort, how many were taken for an offence."""
    there = [each for each in outcomes if each.labelled.sort == sort and not each.labelled.category]
    return {"texts": len(there), "accused": sum(bool(each.found) for each in there)}


def _tally(tally: Tally) -> dict[str, Any]:
    ratios = {"precision": round(tally.precision, 3), "recall": round(tally.recall, 3)}
    return {"hits": tally.hits, "found": tally.found, "there": tally.there, **ratios}


def _rate(judge: Moderator, texts: Sequence[str]) -> int:
    """Texts per second of CPU time on one core."""
    began, done = time.process_time(), 0
    while time.process_time() - began < TIMED_S:
        for text in texts:
            judge.read(text)
        done += len(texts)
    return round(done / (time.process_time() - began))


def _hostile(judge: Moderator) -> dict[str, int]:
    """Texts per second of CPU time, of long texts that are made to be slow."""
    return {kind: _rate(judge, [hostile.text(kind, hostile.LONG_CHARS)]) for kind in hostile.KINDS}


def _show(told: dict[str, Any], wrong: bool) -> None:
    console = Console()
    console.print(f"[bold]{told['moderator']}[/bold] {told['version']}")
    for name, result in told["texts"].items():
        table = Table(title=f"{name}: {result['texts']} texts, {result['texts_per_s']:,}/s on one core")
        for column in ("", "there", "found", "right", "precision", "recall"):
            table.add_column(column, justify="left" if not column else "right")
        rows = {"accused of anything": result["accused"], **result["categories"]}
        for row, tally in rows.items():
            figures = (tally["there"], tally["found"], tally["hits"])
            table.add_row(
                row.lower(), *map(str, figures), f"{tally['precision']:.3f}", f"{tally['recall']:.3f}"
            )
        console.print(table)
        accused = [
            f"{sort} {each['accused']}/{each['texts']}" for sort, each in result["accused_of_nothing"].items()
        ]
        console.print("harmless texts accused:", ", ".join(accused), highlight=False)
        for each in result.get("wrong", ()) if wrong else ():
            console.print(f"  {each['is']} -> {each['found']}: {each['text']}", markup=False, highlight=False)
    rates = ", ".join(f"{name} {rate:,}/s" for name, rate in told["hostile"].items())
    console.print(f"hostile texts of {hostile.LONG_CHARS:,} characters: {rates}", highlight=False)
