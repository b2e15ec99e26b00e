"""A comparison of two models as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import polars as pl

from presence.model.spec import Model
from presence.replay import plots
from presence.replay.difference import Comparison, most_moved

SHOWN = 20
"""Of the most moved in each direction."""
_STYLE = """
:root { --ink: #1d2433; --soft: #667085; --line: #e4e7ec; --paper: #fff; --ground: #f6f7f9; --a: #94a3b8; --b: #2563eb;
  --rise: #0f766e; --fall: #c2410c; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #2c3444; --paper: #171c26;
  --ground: #0f131a; --a: #64748b; --b: #60a5fa; --rise: #2dd4bf; --fall: #fb923c; } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1360px; margin: 0 auto; padding: 32px 24px 64px }
h1 { font-size: 26px; margin: 0 0 4px } h2 { font-size: 17px; margin: 0 0 2px } p { margin: 0 0 10px; color: var(--soft) }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0 }
.card, section { background: var(--paper); border: 1px solid var(--line); border-radius: 10px; padding: 14px 18px }
.card b { display: block; font-size: 24px; font-variant-numeric: tabular-nums } .card span { color: var(--soft); font-size: 13px }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(560px, 100%), 1fr)); gap: 16px; margin-bottom: 16px }
section { overflow-x: auto; margin-bottom: 16px } .grid section { margin: 0 } svg { width: 100%; height: auto; display: block }
svg text { font-size: 12px; fill: var(--soft) } svg .l { font-size: 12.5px } svg .t { fill: var(--ink) }
svg .g { stroke: var(--line) } svg .d { stroke: var(--soft); stroke-dasharray: 4 4 }
svg .a { fill: var(--a) } svg .b { fill: var(--b) } svg .n { fill: var(--a) } svg .rise { fill: var(--rise) } svg .fall { fill: var(--fall) }
svg .area { fill-opacity: .35; stroke-width: 1.6 } svg .a.area { stroke: var(--a) } svg .b.area { stroke: var(--b) }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin: 0 5px 0 10px }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th { text-align: left; color: var(--soft); font-weight: 500; font-size: 13px } th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.r, th.r { text-align: right; white-space: nowrap } code { font: 12.5px ui-monospace, monospace } .rise { color: var(--rise) } .fall { color: var(--fall) }
.why { display: inline-block; margin-right: 12px; white-space: nowrap } footer { color: var(--soft); font-size: 13px; margin-top: 20px }
"""


@dataclass(frozen=True, slots=True)
class About:
    """What was compared: by which models, on what, and where the models differ (key, before, after)."""

    before: Model
    after: Model
    source: str
    until: str
    differences: Sequence[tuple[str, Any, Any]]


def page(comparison: Comparison, about: About) -> str:
    """The whole page. The same comparison gives the same bytes."""
    told = comparison.told()
    title = f"From {about.before.name} to {about.after.name}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><main>"
        f"<h1>{escape(title)}</h1>"
        f"<p>How everybody's score would change, on the same log ({escape(about.source)}, {escape(about.until)}). "
        "No score that was published has been changed by this.</p>"
        f"{_cards(told)}{_pictures(comparison, told)}{_models(about)}{_moved(comparison)}"
        f"<footer>{escape(about.before.name)} is {about.before.hash}, {escape(about.after.name)} is {about.after.hash}. "
        "Scores are points from 0 to 100. Rank 1 is the highest score.</footer></main></html>\n"
    )


def _cards(told: dict[str, Any]) -> str:
    people = max(1, told["people"])
    shown = [
        (f"{told['people']:,}", "people, scored by both"),
        (f"{told['rise'] / people:.1%}", f"rise ({told['rise']:,})"),
        (f"{told['fall'] / people:.1%}", f"fall ({told['fall']:,})"),
        (_points(told["difference"]["mean"], signed=True), "mean change, points"),
        (_points(told["difference"]["mean_absolute"]), "mean distance, points"),
        (_ratio(told["spearman"]), "Spearman's rho: order kept"),
        (_ratio(told["kendall"]), "Kendall's tau: pairs kept"),
    ]
    alone = told["only_before"] + told["only_after"]
    if alone:
        shown.append((f"{alone:,}", "have a score by one model only"))
    return (
        '<div class="cards">'
        + "".join(f'<div class="card"><b>{n}</b><span>{what}</span></div>' for n, what in shown)
        + "</div>"
    )


def _pictures(comparison: Comparison, told: dict[str, Any]) -> str:
    both = comparison.everybody.drop_nulls("difference")
    before, after, difference = (
        both.get_column(name).to_numpy() for name in ("before", "after", "difference")
    )
    people = max(1, told["people"])
    means = {name: (new - old) / people / 1000 for name, (old, new) in told["by_entry"].items() if new != old}
    legend = '<i class="key" style="background: var(--a)"></i>before<i class="key" style="background: var(--b)"></i>after'
    sections = (
        ("Scores", f"How many people have which score.{legend}", plots.distributions(before, after)),
        (
            "Changes",
            "How many people move how far; the grey bar has those who stay.",
            plots.differences(difference),
        ),
        (
            "Before and after",
            "On the dashed line nothing changes; above it people rise.",
            plots.density(before, after),
        ),
        ("Reasons", "What each part of the score adds or takes, on average.", plots.entries(means)),
    )
    return (
        '<div class="grid">'
        + "".join(f"<section><h2>{h}</h2><p>{p}</p>{svg}</section>" for h, p, svg in sections)
        + "</div>"
    )


def _moved(comparison: Comparison) -> str:
    tables = zip(("Who would rise most", "Who would fall most"), most_moved(comparison, SHOWN), strict=True)
    return "".join(f"<section><h2>{name}</h2>{_people(rows)}</section>" for name, rows in tables)


def _people(rows: pl.DataFrame) -> str:
    if rows.is_empty():
        return "<p>Nobody.</p>"
    body = "".join(
        f"<tr><td><code>{escape(row['person'])}</code></td>"
        f'<td class="r">{_points(row["before"])} → {_points(row["after"])}</td>'
        f'<td class="r {_direction(row["difference"])}">{_points(row["difference"], signed=True)}</td>'
        f'<td class="r">{row["rank_before"]:,} → {row["rank_after"]:,}</td><td>{_why(row["reasons"])}</td></tr>'
        for row in rows.iter_rows(named=True)
    )
    return (
        '<table><tr><th>person</th><th class="r">score</th><th class="r">change</th><th class="r">rank</th>'
        f"<th>because of</th></tr>{body}</table>"
    )


def _why(reasons: Iterable[dict[str, Any]]) -> str:
    return "".join(
        f'<span class="why">{escape(each["entry"])} <span class="{_direction(each["millipoints"])}">'
        f"{_points(each['millipoints'], signed=True)}</span></span>"
        for each in reasons
    )


def _models(about: About) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(key)}</code></td><td>{escape(str(old))}</td><td>{escape(str(new))}</td></tr>"
        for key, old, new in about.differences
    )
    names = f"<th>{escape(about.before.name)}</th><th>{escape(about.after.name)}</th>"
    return f"<section><h2>Where the models differ</h2><table><tr><th>number</th>{names}</tr>{rows}</table></section>"


def _direction(value: int) -> str:
    return "rise" if value > 0 else "fall" if value < 0 else ""


def _points(millipoints: int | None, *, signed: bool = False) -> str:
    if millipoints is None:
        return "-"
    return f"{millipoints / 1000:+.2f}" if signed else f"{millipoints / 1000:.2f}"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
