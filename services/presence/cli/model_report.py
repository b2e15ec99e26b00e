"""Scores as JSON objects and as tables to read."""

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl
from rich.box import SIMPLE
from rich.table import Column, Table

from presence.events.vocabulary import PersonKind
from presence.model.evaluate import Scores
from presence.model.spec import PILLARS, Model

_NUMBERS = ("reviews", "associates", "factor", "evidence", "confidence", "generosity")


def objects(scores: Scores, model: Model) -> Iterator[dict[str, Any]]:
    """One JSON object per person, in the integers of the model's page."""
    accounts = grouped(scores.accounts)
    waterfall = grouped(scores.waterfall)
    for row in scores.people.iter_rows(named=True):
        yield {
            "person": row["person"],
            "kind": kind_name(row["kind"]),
            "model": model.name,
            "presence": row["presence"],
            "visibility": row["visibility"],
            "pillars": {name: row[name] for name in PILLARS},
            **{name: row[name] for name in _NUMBERS},
            "accounts": [
                {
                    "network": account["network"],
                    "account": account["account"],
                    "shares": {name: account[name] for name in PILLARS},
                }
                for account in accounts.get(row["person"], [])
            ],
            "waterfall": waterfall.get(row["person"], []),
            "model_hash": model.hash,
            "as_of_ms": row["as_of_ms"],
            "events": row["events"],
            "stale": row["stale"],
        }


def grouped(rows: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """The rows of each person, as objects without the person."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        groups.setdefault(row.pop("person"), []).append(row)
    return groups


def kind_name(kind: int) -> str:
    """What is not a business is scored as a person."""
    return "business" if kind == PersonKind.BUSINESS else "person"


def points(millipoints: int, *, signed: bool = False) -> str:
    """Millipoints as points, to the thousandth."""
    return f"{millipoints / 1000:{'+' if signed else ''}.3f}"


def percent(micro: int) -> str:
    """A share in percent, without the sign."""
    return f"{micro / 10_000:.1f}"


def people_table(scores: Scores) -> Table:
    """Everybody's score and pillars (in percent), best first."""
    numbers = _right("presence", "visibility", *PILLARS, "confidence")
    names = (Column(header, no_wrap=True) for header in ("person", "kind"))
    table = Table(*names, *numbers, box=SIMPLE, padding=(0, 1, 0, 0))
    for row in scores.people.sort(-pl.col("presence"), "person").iter_rows(named=True):
        table.add_row(
            row["person"],
            kind_name(row["kind"]),
            f"{row['presence'] / 1000:.1f}",
            f"{row['visibility'] / 1000:.1f}",
            *(f"{row[name] / 10_000:.0f}" for name in (*PILLARS, "confidence")),
        )
    return table


def entries_table(title: str, rows: Iterable[dict[str, Any]], total: int) -> Table:
    """Entries of a waterfall, or of a change, with their sum."""
    table = Table("entry", "account", *_right("points"), title=title, show_footer=True)
    table.columns[0].footer, table.columns[2].footer = "together", points(total, signed=True)
    for row in rows:
        account = f"{row['network']} {row['account']:016x}" if row["network"] else ""
        name = f"{row['cause']}: {row['entry']}" if "cause" in row else row["entry"]
        table.add_row(name, account, points(row["millipoints"], signed=True))
    return table


def _right(*headers: str) -> Iterator[Any]:
    """Columns of numbers; where the screen is narrow a header is broken rather than cut."""
    return (Column(header, justify="right", overflow="fold") for header in headers)
