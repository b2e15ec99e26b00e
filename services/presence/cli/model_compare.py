"""Two scores side by side: of two times, of two models."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from typing import Any

import msgspec
import polars as pl
from rich.table import Table

from presence.cli.model_input import KindName, folded
from presence.cli.model_report import entries_table, grouped, percent, points
from presence.events.vocabulary import Event
from presence.model.evaluate import evaluate
from presence.model.explain import change
from presence.model.simulate import WhatIf
from presence.model.spec import PILLARS, Model
from presence.model.state import State


def changes(
    events: list[Event], since_ms: int, as_of_ms: int | None, kind: KindName | None, model: Model
) -> Iterator[dict[str, Any]]:
    """Per person the change from the score at `since_ms`, of what had been observed by then, to the newest.

    Entries of the change add up to it; `between` are the person's events that came in between.
    """
    early = [event for event in events if event.observed_ms <= since_ms]
    late = [event for event in events if event.observed_ms > since_ms]
    old, new = folded(early, model, kind), folded(events, model, kind)
    before = _presence(old, model, since_ms)
    entries = grouped(change(old, new, model, since_ms, as_of_ms))
    for person, presence in _presence(new, model, as_of_ms).items():
        yield {
            "person": person,
            "model": model.name,
            "before": before.get(person, 0),
            "presence": presence,
            "change": entries.get(person, []),
            "between": [as_object(event) for event in late if event.person == person],
        }


def _presence(state: State, model: Model, as_of_ms: int | None) -> dict[str, int]:
    scores = evaluate(state, model, as_of_ms).people
    return dict(zip(scores["person"], scores["presence"], strict=True))


def as_object(event: Event) -> dict[str, Any]:
    """An event with the words of the vocabulary; fields that say nothing are left out, the sealed one too."""
    told = {field.name: getattr(event, field.name) for field in fields(event) if field.name != "sealed_ref"}
    return {name: value.name if isinstance(value, Enum) else value for name, value in told.items() if value}


def explanation(explained: dict[str, Any]) -> Iterator[Table | str]:
    """A waterfall or a change as a table, and what came in between in one line."""
    if "waterfall" in explained:
        yield entries_table(explained["person"], explained["waterfall"], explained["presence"])
        return
    before, after = explained["before"], explained["presence"]
    title = f"{explained['person']}: {points(before)} -> {points(after)}"
    yield entries_table(title, explained["change"], after - before)
    between = Counter(_what(event) for event in explained["between"])
    yield "in between: " + (", ".join(f"{n} {what}" for what, n in between.most_common()) or "nothing")


def _what(event: dict[str, Any]) -> str:
    words = [event.get(name, "") for name in ("kind", "direction", "verb", "gauge", "severity")]
    return " ".join(word.lower() for word in words if word)


def differences(one: Model, other: Model) -> list[tuple[str, Any, Any]]:
    """Every key at which two models differ, with both values (None: not there)."""
    left, right = dict(_leaves(one)), dict(_leaves(other))
    keys = [*left, *(key for key in right if key not in left)]
    return [(key, left.get(key), right.get(key)) for key in keys if left.get(key) != right.get(key)]


def _leaves(part: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(part, msgspec.Struct):
        part = msgspec.to_builtins(part)
    if isinstance(part, dict):
        for name, value in part.items():
            yield from _leaves(value, f"{path}.{name}" if path else name)
    else:
        yield path, part


def scores_of_both(
    events: list[Event], models: tuple[Model, Model], as_of_ms: int | None, kind: KindName | None
) -> Iterator[dict[str, Any]]:
    """Per person both scores on the same events, and their difference by pillar and entry, in millipoints."""
    both = [evaluate(folded(events, model, kind), model, as_of_ms) for model in models]
    falls = [grouped(_by_entry(scores.waterfall)) for scores in both]
    for left, right in zip(*(scores.people.iter_rows(named=True) for scores in both), strict=True):
        totals = [
            {row["entry"]: row["millipoints"] for row in fall.get(left["person"], [])} for fall in falls
        ]
        moved = {name: totals[1].get(name, 0) - totals[0].get(name, 0) for name in {**totals[0], **totals[1]}}
        yield {
            "person": left["person"],
            "models": [model.name for model in models],
            "presence": [left["presence"], right["presence"]],
            "difference": right["presence"] - left["presence"],
            "pillars": {name: [left[name], right[name]] for name in PILLARS},
            "entries": {name: points for name, points in moved.items() if points},
        }


def _by_entry(waterfall: pl.DataFrame) -> pl.DataFrame:
    return waterfall.group_by("person", "entry", maintain_order=True).agg(pl.col("millipoints").sum())


def difference_tables(
    numbers: list[tuple[str, Any, Any]], scores: list[dict[str, Any]], models: tuple[Model, Model]
) -> Iterator[Table]:
    names = [f"{model.name} {model.hash}" for model in models]
    table = Table("key", *names, title="where the models differ")
    for key, *values in numbers:
        table.add_row(key, *(str(value) for value in values))
    yield table
    table = Table("person", *names, "difference", "from", title="what that does")
    for row in scores:
        parts = ", ".join(f"{name} {points(n, signed=True)}" for name, n in row["entries"].items())
        shown = [points(n) for n in row["presence"]]
        table.add_row(row["person"], *shown, points(row["difference"], signed=True), parts)
    yield table


def hypothetical(found: WhatIf) -> Iterator[dict[str, Any]]:
    """Per person the score without and with the hypothetical events, and the entries of the change."""
    before = dict(zip(found.before.people["person"], found.before.people["presence"], strict=True))
    entries = grouped(found.change.drop("cause"))
    for person, after in found.after.people.select("person", "presence").iter_rows():
        yield {
            "person": person,
            "before": before.get(person, 0),
            "after": after,
            "change": entries.get(person, []),
        }


def curves(curve: pl.DataFrame) -> Iterator[dict[str, Any]]:
    """Per person the points of a curve."""
    for person, rows in grouped(curve).items():
        yield {"person": person, "points": rows}


def simulated(result: dict[str, Any]) -> Table:
    if "points" not in result:
        title = f"{result['person']}: {points(result['before'])} -> {points(result['after'])}"
        return entries_table(title, result["change"], result["after"] - result["before"])
    table = Table("days", "presence", "visibility", "conduct, percent", title=result["person"])
    for row in result["points"]:
        shown = [points(row["presence"]), points(row["visibility"]), percent(row["factor"])]
        table.add_row(str(row["days"]), *shown)
    return table
