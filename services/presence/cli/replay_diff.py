"""`presence replay diff`: how another model would change everybody."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Column, Table

from presence.batch.parquet import write
from presence.cli.context import settings
from presence.cli.model_compare import differences
from presence.cli.model_input import load_model, milliseconds
from presence.cli.model_report import points
from presence.cli.replay_options import CORES, AsJson, Processes, Resume, Source, Tail, running
from presence.events.errors import CallerError
from presence.log.clock import now_ms
from presence.model.spec import Model
from presence.replay.difference import Comparison, compare, most_moved
from presence.replay.page import About, page
from presence.replay.run import Order, replayed

Out = Annotated[
    Path | None, typer.Option("--parquet", help="Everybody's scores by both models, to this file.")
]


def diff(
    *,
    models: Annotated[
        list[Path], typer.Option("--model", help="A model file, or presence-1; twice: before and after.")
    ],
    source: Source = "archive",
    until: Annotated[
        str | None,
        typer.Option(
            "--until", help="Only what had come by then, like 2026-11-23T00:00:00Z.", show_default="all"
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="A report with plots, to this file.")] = None,
    parquet: Out = None,
    top: Annotated[
        int, typer.Option("--top", help="How many of the most moved are shown.", min=0, max=200)
    ] = 10,
    tail: Tail = True,
    processes: Processes = CORES,
    resume: Resume = False,
    as_json: AsJson = False,
) -> None:
    """Show how another model would change everybody's score, on the same log. It changes nothing.

    For example: presence replay diff --model presence-1 --model mine.toml --from kafka --html report.html
    """
    before, after = _two(models)
    outs = [out for out in (html, parquet) if out is not None]
    for out in outs:
        if not out.absolute().parent.is_dir():
            raise CallerError(f"{out.absolute().parent} is no folder")
    until_ms = milliseconds(until)
    if until_ms is None and source in {"archive", "kafka"}:
        until_ms = now_ms()  # The log may grow meanwhile: both are to see the same.
    orders = [Order(source, each, until_ms, "", tail) for each in (before, after)]
    with (
        running(as_json=as_json) as stage,
        replayed(orders[0], settings(), stage, processes=processes, resume=resume) as old,
        replayed(orders[1], settings(), stage, processes=processes, resume=resume) as new,
    ):
        comparison = compare(old.frames(), new.frames())
    changed = differences(before, after)
    if parquet is not None:
        _written(parquet, lambda part: write(comparison.everybody, part))
    if html is not None:
        when = f"until {until}" if until else f"all {old.records:,} records"
        text = page(comparison, About(before, after, source, when, changed))
        _written(html, lambda part: part.write_text(text, encoding="utf-8"))
    if as_json:
        print(json.dumps(_told(comparison, orders, changed, top)))
    else:
        Console().print(*_tables(comparison, changed, [before.name, after.name], top))
        print(*outs, sep="\n")


def _two(models: Sequence[Path]) -> tuple[Model, Model]:
    if len(models) != 2:
        raise CallerError("say --model twice: the model before, and the one after")
    before, after = (load_model(each) for each in models)
    if before.hash == after.hash:
        raise CallerError("both models are the same")
    return before, after


def _told(
    comparison: Comparison, orders: Sequence[Order], changed: Sequence[tuple[str, Any, Any]], top: int
) -> dict[str, Any]:
    rising, falling = (rows.to_dicts() for rows in most_moved(comparison, top))
    return {
        "source": orders[0].source,
        "until_ms": orders[0].until_ms,
        "models": [{"name": each.model.name, "hash": each.model.hash} for each in orders],
        "differences": {key: [old, new] for key, old, new in changed},
        **comparison.told(),
        "rising": rising,
        "falling": falling,
    }


def _tables(
    comparison: Comparison, changed: Sequence[tuple[str, Any, Any]], names: Sequence[str], top: int
) -> Iterator[Table]:
    table = Table("number", *names, box=SIMPLE, title="where the models differ")
    for key, old, new in changed:
        table.add_row(key, str(old), str(new))
    yield table
    yield _summary(comparison.told(), names)
    for title, rows in zip(
        ("who would rise most", "who would fall most"), most_moved(comparison, top), strict=True
    ):
        table = Table(
            "person",
            *(Column(name, justify="right") for name in ("score", "change", "rank")),
            "because of",
            box=SIMPLE,
            title=title,
        )
        for row in rows.iter_rows(named=True):
            why = ", ".join(
                f"{each['entry']} {points(each['millipoints'], signed=True)}" for each in row["reasons"]
            )
            table.add_row(
                row["person"],
                f"{points(row['before'])} → {points(row['after'])}",
                points(row["difference"], signed=True),
                f"{row['rank_before']:,} → {row['rank_after']:,}",
                why,
            )
        if rows.height:
            yield table


def _summary(told: dict[str, Any], names: Sequence[str]) -> Table:
    columns = (Column(name, justify="right") for name in (*names, "change"))
    table = Table("scores", *columns, box=SIMPLE, title="what that does")
    for name in told["before"]:
        cells = [told[which][name] for which in ("before", "after", "difference")]
        table.add_row(name, *("-" if cell is None else points(cell) for cell in cells))
    table.add_section()
    for name in ("people", "rise", "fall", "same", "only_before", "only_after"):
        table.add_row(name.replace("_", " "), "", "", f"{told[name]:,}")
    for name in ("spearman", "kendall"):
        table.add_row(name, "", "", "-" if told[name] is None else f"{told[name]:.4f}")
    return table


def _written(out: Path, write: Callable[[Path], object]) -> None:
    """Write a file whole or not at all. Raises CallerError if it cannot be written."""
    part = out.with_name(f".{out.name}.part")
    try:
        write(part)
        part.rename(out)
    except OSError as error:
        raise CallerError(f"{out} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
