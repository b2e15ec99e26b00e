"""Explanations, histories, simulations and ranks on a terminal. For rich."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from types import MappingProxyType

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from presence.cli.score_view import ONE_MICRO, POINTS_MILLI, in_words, percent, points, recovery_line
from presence.client import (
    Acts,
    Change,
    Closing,
    Company,
    Explanation,
    Finding,
    Pillars,
    Rank,
    Ranked,
    Reason,
    Score,
    Simulation,
)

WIDTH = 92
COMPANY_SHOWN = 10
STEP_CELLS = 30
TOP_CELLS = 10
PILLARS_CHARS_MIN = 140
"""A terminal narrower than that has no room for a column for each pillar."""
LINE_DAYS = 70
CURVE_CELLS = 40
CURVE_ROWS_MAX = 25
SPARKS = "▁▂▃▄▅▆▇█"


def top_table(scores: Sequence[Score], by: str, *, pillars: bool) -> Table:
    """People in the order given, with a bar of what they are ordered by; with their pillars in percent, if there is room."""
    shown = fields(Pillars) if pillars else ()
    full = POINTS_MILLI if by in {"presence", "visibility"} else ONE_MICRO
    table = Table(expand=False)
    table.add_column("#", justify="right", style="dim")
    table.add_column("who", no_wrap=True)
    table.add_column("presence", justify="right", style="bold cyan")
    table.add_column("week", justify="right")
    table.add_column(by, width=TOP_CELLS)
    for pillar in shown:
        table.add_column(pillar.name, justify="right")
    for number, score in enumerate(scores, start=1):
        ordered = getattr(score if full == POINTS_MILLI else score.pillars, by)
        table.add_row(
            str(number),
            score.person,
            points(score.presence),
            signed(score.week_change),
            Bar(full, 0, ordered, width=TOP_CELLS, color="cyan", bgcolor="grey23"),
            *(percent(getattr(score.pillars, pillar.name)) for pillar in shown),
        )
    return table


def signed(millipoints: int | None) -> Text:
    """A change, in points; nothing where there was nothing before."""
    if not millipoints:
        return Text("" if millipoints is None else "0.0", style="dim")
    return Text(f"{millipoints / 1000:+.1f}", style="green" if millipoints > 0 else "red")


def explanation_panel(explanation: Explanation, recovery: Mapping[int, int] = MappingProxyType({})) -> Panel:
    """The waterfall as steps that end at the score, what stands behind it, and what changed."""
    parts: list[RenderableType] = [_steps(explanation.reasons, explanation.presence)]
    parts += [Text(f"finding {each.id}: {_finding(each)}", style="red") for each in explanation.findings]
    if recovery:
        parts.append(recovery_line(recovery))
    if explanation.company is not None:
        parts.append(_company(explanation.company))
    if explanation.change is not None:
        parts += [Text(), _change(explanation.change, explanation.presence)]
    return Panel(
        Group(*parts),
        title=f"[bold]{explanation.person}[/bold] ({explanation.kind.name.lower()})",
        subtitle=explanation.model,
        width=WIDTH,
    )


def _finding(finding: Finding) -> str:
    """What, of when, by whom, and how it stands."""
    day = datetime.fromtimestamp(finding.occurred_ms / 1000, UTC)
    by = f"{finding.moderator}, {percent(finding.confidence)} sure" if finding.moderator else finding.operator
    what = f"{finding.severity.name.lower()} {finding.category.name.lower()}"
    return f"{what}, of {day:%Y-%m-%d}, by {by}, {finding.decision.name.lower()}"


def _company(company: Company) -> Text:
    """Whose company counts."""
    shown = ", ".join(company.people[:COMPANY_SHOWN])
    more = company.number - min(COMPANY_SHOWN, len(company.people))
    others = f" and {more:,} more" if more > 0 else ""
    return Text(
        f"\ncompany: {company.number:,} people with {points(company.mean)} on average: {shown}{others}"
    )


def _steps(reasons: Sequence[Reason], presence: int) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_column(width=STEP_CELLS)
    table.add_column()
    sum_before = 0
    for reason in reasons:
        after = sum_before + reason.millipoints
        low, high = sorted((sum_before, after))
        style = "green" if reason.millipoints > 0 else "red"
        bar = Bar(POINTS_MILLI, max(0, low), min(POINTS_MILLI, high), width=STEP_CELLS, color=style)
        table.add_row(Text(f"{reason.millipoints / 1000:+.1f}", style=style), bar, in_words(reason))
        sum_before = after
    whole = Bar(POINTS_MILLI, 0, presence, width=STEP_CELLS, color="cyan")
    table.add_row(Text(points(presence), style="bold cyan"), whole, Text("presence", style="bold"))
    return table


def _change(change: Change, presence: int) -> Group:
    gained = presence - change.presence
    then = f"{change.day} closed" if change.day else f"revision {change.revision}"
    head = Text.assemble(
        f"since {then} with {points(change.presence)}: ",
        (f"{gained / 1000:+.1f}", "bold green" if gained >= 0 else "bold red"),
        f", {change.events:+d} acts",
    )
    return Group(head, _gains(change.reasons), *_acts(change.acts))


def _gains(reasons: Sequence[Reason]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    for reason in reasons:
        style = "green" if reason.millipoints > 0 else "red"
        table.add_row(Text(f"{reason.millipoints / 1000:+.3f}", style=style), in_words(reason))
    return table


def _acts(page: Acts) -> list[RenderableType]:
    """What the log holds, a line each, and whether that is all."""
    table = Table.grid(padding=(0, 2))
    for act in page.acts:
        when = datetime.fromtimestamp((act.occurred_ms or act.observed_ms) / 1000, UTC)
        what = " ".join(
            word for word in (act.kind, act.direction, act.verb, act.object, act.gauge, act.severity) if word
        )
        times = f" x {act.magnitude:,}" if act.magnitude > 1 else ""
        table.add_row(f"{when:%Y-%m-%d %H:%M}", act.network, what.removeprefix("activity ") + times, act.link)
    parts: list[RenderableType] = [Text(), table] if page.acts else []
    if page.next_page_token:
        more = f"there may be more acts: {page.records_left:,} records of the log are still to be searched"
        parts.append(Text(more, style="dim"))
    return parts


def rank_panel(ranked: Ranked) -> Panel:
    """Where somebody stands among everybody and within their kind."""
    table = Table.grid(padding=(0, 2))
    kind = ranked.kind.name.lower()
    for name, rank in (("among all", ranked.among_all), (f"of kind {kind}", ranked.within_kind)):
        table.add_row(name, *_rank(rank))
    title = f"[bold]{ranked.person}[/bold], presence {points(ranked.presence)}"
    return Panel(table, title=title, width=WIDTH)


def _rank(rank: Rank) -> tuple[RenderableType, ...]:
    ties = f", with {rank.ties - 1:,} others" if rank.ties > 1 else ""
    return (
        Text(f"{rank.rank:,}", style="bold cyan"),
        f"of {rank.people:,}{ties}",
        Bar(ONE_MICRO, 0, rank.percentile, width=STEP_CELLS, color="cyan", bgcolor="grey23"),
        f"{percent(rank.percentile)} do not score more",
    )


def history_panel(person: str, closings: Sequence[Closing]) -> Panel:
    """A line of days, and the last of them as rows."""
    shown = [closing.score.presence for closing in closings]
    last = closings[-1]
    line = Text.assemble(
        (sparkline(shown[-LINE_DAYS:]), "cyan"),
        f"\n{closings[0].day} to {last.day}, {len(closings)} days: lowest {points(min(shown))},"
        f" highest {points(max(shown))}, last {points(last.score.presence)}\n",
    )
    table = Table.grid(padding=(0, 2))
    for closing, before in zip(closings[:0:-1][:10], closings[-2::-1], strict=False):
        change = closing.score.presence - before.score.presence
        table.add_row(closing.day, points(closing.score.presence), signed(change))
    return Panel(Group(line, table), title=f"[bold]{person}[/bold]", width=WIDTH)


def sparkline(values: Sequence[int]) -> str:
    """One character for each value, from the lowest to the highest.

    >>> sparkline([0, 50, 100])
    '▁▄█'
    >>> sparkline([7, 7])
    '▁▁'
    """
    low, high = min(values), max(values)
    span = max(1, high - low)
    return "".join(SPARKS[(value - low) * (len(SPARKS) - 1) // span] for value in values)


def simulation_panel(simulation: Simulation) -> Panel:
    """The curve as bars, and when it is mended."""
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    every = -(-len(simulation.curve) // CURVE_ROWS_MAX)
    for point in simulation.curve[::every]:
        bar = Bar(POINTS_MILLI, 0, point.presence, width=CURVE_CELLS, color="cyan", bgcolor="grey23")
        aside = f"{percent(point.factor)} left"
        if point.otherwise is not None:
            aside = f"{(point.presence - point.otherwise) / 1000:+.3f}"
        table.add_row(f"day {point.in_days}", points(point.presence), bar, aside)
    mended = (
        "not mended within that time"
        if simulation.nine_tenths_days is None
        else f"nine tenths are back after {simulation.nine_tenths_days} days"
    )
    lines = [
        f"now {points(simulation.presence)}, without any finding {points(simulation.unharmed)}; {mended}",
        "beside it, what is gained against nothing happening at all; on the day of the last act, by reason:"
        if simulation.reasons
        else "everything else is held as it is now",
    ]
    if simulation.at_least:
        lines.append("the score stands at the lowest that conduct can take it: it may take longer")
    parts: list[RenderableType] = [table, Text("\n" + "\n".join(lines))]
    if simulation.reasons:
        parts.append(_gains(simulation.reasons))
    return Panel(Group(*parts), title=f"[bold]{simulation.person}[/bold]", width=WIDTH)
