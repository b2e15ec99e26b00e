"""`presence model`: the scoring model on events from a file, without a broker."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from presence.cli import model_compare, model_describe
from presence.cli.context import exit_on_error
from presence.cli.curves import write_curves
from presence.cli.model_input import KindName, folded, load_model, milliseconds, read_events
from presence.cli.model_report import objects, people_table
from presence.cli.model_switch import switch
from presence.events.errors import CallerError
from presence.events.vocabulary import Severity
from presence.model import simulate as simulation
from presence.model.columns import frame
from presence.model.evaluate import evaluate as evaluate_state

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The scoring model, on events from a file."
)

Events = Annotated[Path, typer.Option("--events", help="JSONL, one event per line; - for standard input.")]
AsOf = Annotated[
    str | None,
    typer.Option(
        "--as-of", help="Time of the score, like 2026-11-23T00:00:00Z.", show_default="newest record"
    ),
]
Kind = Annotated[KindName | None, typer.Option("--kind", help="Score everybody as this.")]
ModelFile = Annotated[Path | None, typer.Option("--model", help="Model file.", show_default="presence-1")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, one object per line and person.")]


app.command()(switch)


@app.command()
def evaluate(
    events: Events, as_of: AsOf = None, kind: Kind = None, model: ModelFile = None, as_json: AsJson = False
) -> None:
    """Score everybody in a file of events."""
    rules = load_model(model)
    scores = evaluate_state(folded(read_events(events), rules, kind), rules, milliseconds(as_of))
    if as_json:
        print_lines(objects(scores, rules))
    else:
        Console().print(people_table(scores))


@app.command()
def explain(
    *,
    events: Events,
    as_of: AsOf = None,
    since: Annotated[
        str | None, typer.Option("--since", help="Explain the change from the score of this time.")
    ] = None,
    person: Annotated[str | None, typer.Option("--person", help="Only this person.")] = None,
    kind: Kind = None,
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what every point of a score comes from, or why it changed since a time."""
    rules = load_model(model)
    told = [one for one in read_events(events) if person is None or one.person in {person, ""}]
    since_ms = milliseconds(since)
    if since_ms is None:
        explained = list(
            objects(evaluate_state(folded(told, rules, kind), rules, milliseconds(as_of)), rules)
        )
    else:
        explained = list(model_compare.changes(told, since_ms, milliseconds(as_of), kind, rules))
    if person is not None and not explained:
        raise CallerError("nobody of that id has a score")
    if as_json:
        print_lines(explained)
    else:
        for one in explained:
            Console().print(*model_compare.explanation(one))


@app.command()
def simulate(
    *,
    events: Events,
    as_of: AsOf = None,
    what_if: Annotated[
        Path | None, typer.Option("--what-if", help="JSONL of events that did not happen.")
    ] = None,
    flag: Annotated[str | None, typer.Option("--flag", help="A finding: minor, serious or severe.")] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Nothing happens any more.")] = False,
    days: Annotated[int, typer.Option("--days", help="How far a curve goes.", min=1, max=36_500)] = 360,
    step: Annotated[int, typer.Option("--step", help="Days from point to point.", min=1, max=365)] = 30,
    kind: Kind = None,
    model: ModelFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be: after other events, after a flag, or when somebody stops."""
    if (what_if is not None) + (flag is not None) + stop != 1:
        raise CallerError("say one of --what-if, --flag and --stop")
    rules = load_model(model)
    told = read_events(events)
    state = folded(told, rules, kind)
    if what_if is not None:
        found = simulation.what_if(state, frame(read_events(what_if)), rules, milliseconds(as_of))
        results = list(model_compare.hypothetical(found))
    else:
        start_ms = milliseconds(as_of)
        start_ms = max((one.observed_ms for one in told), default=0) if start_ms is None else start_ms
        points = range(0, days + 1, step)
        if flag is None:
            curve = simulation.decline(state, rules, start_ms, points)
        else:
            curve = simulation.recovery(state, rules, start_ms, points, severity(flag))
        results = list(model_compare.curves(curve))
    if as_json:
        print_lines(results)
    else:
        for one in results:
            if one.get("change", True):
                Console().print(model_compare.simulated(one))


def severity(text: str) -> Severity:
    try:
        return Severity.parse(text)
    except ValueError as error:
        raise CallerError("a flag is minor, serious or severe") from error


@app.command()
def describe(model: ModelFile = None, as_json: AsJson = False) -> None:
    """Show every number of a model."""
    rules = load_model(model)
    if as_json:
        print_lines([{"hash": rules.hash, **msgspec.to_builtins(rules)}])
    else:
        Console().print(*model_describe.tables(rules))


@app.command()
def diff(
    *,
    one: Annotated[Path, typer.Argument(help="A model file, or presence-1.", metavar="A")],
    other: Annotated[Path, typer.Argument(help="Another.", metavar="B")],
    events: Events,
    as_of: AsOf = None,
    kind: Kind = None,
    as_json: AsJson = False,
) -> None:
    """Show where two models differ, and what that does to the scores of the same events."""
    models = load_model(one), load_model(other)
    numbers = model_compare.differences(*models)
    scores = list(model_compare.scores_of_both(read_events(events), models, milliseconds(as_of), kind))
    if as_json:
        print_lines(scores)
    else:
        Console().print(*model_compare.difference_tables(numbers, scores, models))


@app.command()
def curves(
    out: Annotated[Path, typer.Option("--out", help="Folder for the pictures.")],
    model: ModelFile = None,
) -> None:
    """Draw the model's curves as SVG: saturation, decay, recovery."""
    for path in write_curves(load_model(model), out):
        print(path)


def print_lines(rows: Iterable[dict[str, Any]]) -> None:
    """One JSON object per line; all of them or none."""
    text = "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
    typer.echo(text, nl=False)


if __name__ == "__main__":
    with exit_on_error():
        app(prog_name="presence model")
