"""Scores on a terminal: one with its reasons, and a ranking that changes. For rich."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from types import MappingProxyType

from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from presence.client import Pillars, Reason, Score
from presence.events.vocabulary import PersonId

ONE_MICRO = 1_000_000
POINTS_MILLI = 100_000
BAR_CELLS = 24
RANKED_BAR_CELLS = 12
PERSON_CHARS = 28
RANKED_MAX = 10_000
"""How many people a ranking keeps: the best of those it was told of."""

PILLAR_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "reach": "how many follow",
        "resonance": "what is said gets liked, answered and passed on",
        "expertise": "articles written, endorsements received",
        "voice": "how steadily something is said",
        "upkeep": "the profile is complete and kept up to date",
        "inbound": "people get in touch",
    }
)
OTHER_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "reviews": "what reviewers say",
        "associates": "the company one keeps",
        "clip": "no score is below 0 or above 100",
        "conduct": "open findings about conduct",
    }
)


def points(millipoints: int) -> str:
    """As people read it, with one decimal: 41_234 is `41.2`."""
    return f"{millipoints / 1000:.1f}"


def percent(micro: int) -> str:
    return f"{100 * micro / ONE_MICRO:.0f} %"


def in_words(reason: Reason) -> str:
    """One entry of the waterfall as a sentence's worth of words."""
    words = PILLAR_WORDS.get(reason.entry) or OTHER_WORDS.get(reason.entry, reason.entry)
    return f"{words}, on {reason.network}" if reason.network else words


def score_panel(score: Score, recovery: Mapping[int, int] = MappingProxyType({})) -> Panel:
    """One score: its figure, its pillars, its reasons, and how sure it is; `recovery` as in `presence.cli.recovery`."""
    parts: list[RenderableType] = [_headline(score), Text(), _pillars(score.pillars), Text(), _reasons(score)]
    if recovery:
        parts.append(recovery_line(recovery))
    if score.stale_networks:
        names = ", ".join(score.stale_networks)
        parts.append(Text(f"\nnot seen lately, so standing still: {names}", style="yellow"))
    as_of = datetime.fromtimestamp(score.as_of_ms / 1000, tz=UTC)
    return Panel(
        Group(*parts),
        title=f"[bold]{score.person}[/bold] ({score.kind.name.lower()})",
        subtitle=f"{score.events} events, as of {as_of:%Y-%m-%d %H:%M} UTC, {score.model}",
        width=92,
    )


def recovery_line(recovery: Mapping[int, int]) -> Text:
    """The way back from findings, as a sentence."""
    steps = ", ".join(f"{points(millipoints)} in {days} days" for days, millipoints in recovery.items())
    return Text(f"\nfindings fade: {steps}, if nothing else changes", style="yellow")


def _headline(score: Score) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_row(
        "presence",
        Text(points(score.presence), style="bold cyan"),
        _bar(score.presence, POINTS_MILLI, "cyan"),
        f"confidence {percent(score.confidence)} ({points(score.evidence)} events' worth of evidence)",
    )
    grid.add_row(
        "visibility",
        points(score.visibility),
        _bar(score.visibility, POINTS_MILLI, "blue"),
        f"generosity {percent(score.generosity)}",
    )
    return grid


def _pillars(pillars: Pillars) -> Table:
    grid = Table.grid(padding=(0, 2))
    for pillar in fields(Pillars):
        share = getattr(pillars, pillar.name)
        grid.add_row(pillar.name, percent(share), _bar(share, ONE_MICRO, "green"), PILLAR_WORDS[pillar.name])
    return grid


def _reasons(score: Score) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for reason in sorted(score.waterfall, key=lambda reason: -abs(reason.millipoints)):
        style = "green" if reason.millipoints > 0 else "red"
        table.add_row(Text(f"{reason.millipoints / 1000:+.1f}", style=style), in_words(reason))
    table.add_row(Text(points(score.presence), style="bold"), Text("presence", style="bold"))
    return table


def _bar(value: int, full: int, color: str, cells: int = BAR_CELLS) -> Bar:
    return Bar(full, 0, value, width=cells, color=color, bgcolor="grey23")


class Ranking:
    """The best people that it was told of, and what changed last; shown by `names`, else by their ids."""

    def __init__(self, names: Mapping[str, str] = MappingProxyType({})) -> None:
        self._names = names
        self._scores: dict[PersonId, Score] = {}
        self._deltas: dict[PersonId, int] = {}

    def update(self, scores: Iterable[Score]) -> None:
        """Take in newer scores."""
        self._deltas = {}
        for score in scores:
            before = self._scores.get(score.person)
            self._deltas[score.person] = score.presence - before.presence if before else 0
            self._scores[score.person] = score
        if len(self._scores) > RANKED_MAX:
            self._scores = {score.person: score for score in self.best(RANKED_MAX)}

    def remove(self, people: Iterable[PersonId]) -> None:
        """Forget people who have no score any more."""
        for person in people:
            self._scores.pop(person, None)

    def best(self, count: int) -> list[Score]:
        """The first `count`, by presence; of equals, by id."""
        return sorted(self._scores.values(), key=lambda score: (-score.presence, score.person))[:count]

    def table(self, rows_max: int) -> Table:
        """The first `rows_max`, with the change of those that changed last."""
        count = len(self._scores)
        table = Table(title=f"presence of {count} {'person' if count == 1 else 'people'}", expand=False)
        table.add_column("#", justify="right", style="dim")
        table.add_column("who", min_width=PERSON_CHARS, no_wrap=True)
        table.add_column("presence", justify="right", style="bold cyan")
        table.add_column("", width=RANKED_BAR_CELLS)
        table.add_column("change", justify="right")
        table.add_column("visibility", justify="right")
        table.add_column("confidence", justify="right")
        table.add_column("events", justify="right")
        for rank, score in enumerate(self.best(rows_max), start=1):
            table.add_row(
                str(rank),
                self._names.get(score.person, score.person),
                points(score.presence),
                _bar(score.presence, POINTS_MILLI, "cyan", RANKED_BAR_CELLS),
                _change(self._deltas.get(score.person, 0)),
                points(score.visibility),
                percent(score.confidence),
                str(score.events),
            )
        return table


def _change(millipoints: int) -> Text:
    if not millipoints:
        return Text()
    return Text(f"{millipoints / 1000:+.1f}", style="green" if millipoints > 0 else "red")
