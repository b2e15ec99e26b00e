"""Plots as inline SVG, drawn from numbers alone. Colours are the page's: classes `a` (before) and `b` (after)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 620, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 14, 42
POINTS_MAX = 100
BINS = 50
CELLS = 50
TICKS = 5

Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Axes:
    """From values to places in the picture."""

    x: tuple[float, float]
    y: tuple[float, float]

    def at_x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.x[0]) / (self.x[1] - self.x[0])

    def at_y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - self.y[0]) / (self.y[1] - self.y[0])

    def drawn(self, x_label: str, y_label: str, *, lines: bool = True) -> Iterator[str]:
        """Both axes with their labels."""
        for value in ticks(*self.x):
            x = self.at_x(value)
            yield f'<text class="t" x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">{label(value)}</text>'
        for value in ticks(*self.y):
            y = self.at_y(value)
            if lines:
                yield f'<line class="g" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text class="t" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">{label(value)}</text>'
        middle = (LEFT + WIDTH - RIGHT) / 2
        yield f'<text class="l" x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>'
        height = (TOP + HEIGHT - BOTTOM) / 2
        turn = f'transform="translate(13 {height}) rotate(-90)"'
        yield f'<text class="l" {turn} text-anchor="middle">{escape(y_label)}</text>'


def distributions(before: Numbers, after: Numbers) -> str:
    """How many people have which score, in points, by either model. Both in millipoints."""
    edges = np.linspace(0, _reach(before, after), BINS + 1)
    counts = [np.histogram(each / 1000, edges)[0] for each in (before, after)]
    axes = Axes((0, edges[-1]), (0, whole(max(int(count.max()) for count in counts))))
    shapes = [_steps(axes, edges, count, name) for count, name in zip(counts, "ab", strict=True)]
    return _svg("How many people have which score", [*axes.drawn("score, points", "people"), *shapes])


def differences(difference: Numbers) -> str:
    """How many people move how far, in points. In millipoints; who does not move is in the bar at 0."""
    reach = nice(max(0.1, float(np.abs(difference / 1000).max(initial=0))))
    edges = np.linspace(-reach, reach, BINS + 2)  # One bar is around 0.
    count = np.histogram(difference / 1000, edges)[0]
    axes = Axes((-reach, reach), (0, whole(int(count.max()))))
    bars = [
        _bar(
            axes,
            edges[at],
            edges[at + 1],
            number,
            "n" if at == BINS // 2 else "fall" if at < BINS // 2 else "rise",
        )
        for at, number in enumerate(count.tolist())
        if number
    ]
    return _svg("How far people move", [*axes.drawn("change, points", "people"), *bars])


def density(before: Numbers, after: Numbers) -> str:
    """Where people stand by either model: a cell is the darker the more people are in it. In millipoints."""
    reach = _reach(before, after)
    edges = np.linspace(0, reach, CELLS + 1)
    count = np.histogram2d(before / 1000, after / 1000, (edges, edges))[0]
    axes = Axes((0, reach), (0, reach))
    darkest = np.log1p(count.max(initial=1))
    width, height = axes.at_x(edges[1]) - axes.at_x(0) + 0.3, axes.at_y(0) - axes.at_y(edges[1]) + 0.3
    cells = [
        f'<rect class="b" x="{axes.at_x(edges[x]):.1f}" y="{axes.at_y(edges[y + 1]):.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" opacity="{0.15 + 0.85 * np.log1p(count[x, y]) / darkest:.2f}">'
        f"<title>{int(count[x, y]):,} people</title></rect>"
        for x, y in np.argwhere(count > 0)
    ]
    same = f'<line class="d" x1="{axes.at_x(0)}" y1="{axes.at_y(0)}" x2="{axes.at_x(reach)}" y2="{axes.at_y(reach)}"/>'
    return _svg("Everybody before and after", [*axes.drawn("before, points", "after, points"), *cells, same])


def entries(changes: Mapping[str, float]) -> str:
    """What each reason adds or takes on average, in points."""
    reach = nice(max(0.01, *(abs(value) for value in changes.values()))) if changes else 1.0
    axes = Axes((-reach, reach), (0, max(1, len(changes))))
    parts = []
    for row, (name, value) in enumerate(changes.items()):
        top, bottom = axes.at_y(len(changes) - row - 0.18), axes.at_y(len(changes) - row - 0.82)
        left, right = sorted((axes.at_x(0), axes.at_x(value)))
        kind = "rise" if value > 0 else "fall"
        parts.append(
            f'<rect class="{kind}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"/>'
        )
        side = ("start", right + 6) if value >= 0 else ("end", left - 6)
        parts.append(
            f'<text class="t" x="{side[1]:.1f}" y="{(top + bottom) / 2 + 4:.1f}" text-anchor="{side[0]}">'
            f"{escape(name)} {value:+.2f}</text>"
        )
    zero = f'<line class="d" x1="{axes.at_x(0)}" x2="{axes.at_x(0)}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
    across = [
        each for each in Axes(axes.x, (0, 1)).drawn("change of the mean, points", "") if "<line" not in each
    ]
    below = [each for each in across if 'text-anchor="end"' not in each]
    return _svg("Where the change comes from", [*below, *parts, zero])


def ticks(low: float, high: float) -> Sequence[float]:
    return [float(value) for value in np.linspace(low, high, TICKS)]


def nice(value: float) -> float:
    """The least of 1, 2, 3, 4, 5, 6, 8 times a power of ten that is not below `value`.

    >>> nice(37), nice(900)
    (40.0, 1000.0)
    """
    power = 10.0 ** np.floor(np.log10(value))
    return float(
        next(step * power for step in (1, 2, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9))
    )


def whole(count: int) -> float:
    """The top of an axis of counts, so that its ticks are whole numbers.

    >>> whole(1), whole(5), whole(88)
    (4.0, 8.0, 120.0)
    """
    return (TICKS - 1) * nice(max(1, -(-count // (TICKS - 1))))


def label(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == round(value) else f"{value:.3g}"


def _reach(before: Numbers, after: Numbers) -> float:
    """Up to where an axis of scores has to go, in points."""
    highest = max(int(each.max(initial=0)) for each in (before, after)) / 1000
    return min(float(POINTS_MAX), nice(max(1.0, highest)))


def _steps(axes: Axes, edges: NDArray[np.float64], count: NDArray[np.int64], name: str) -> str:
    line = "".join(
        f"L{axes.at_x(low):.1f},{axes.at_y(number):.1f}L{axes.at_x(high):.1f},{axes.at_y(number):.1f}"
        for low, high, number in zip(edges, edges[1:], count.tolist(), strict=False)
    )
    ground = axes.at_y(0)
    path = f"M{axes.at_x(edges[0]):.1f},{ground}{line}L{axes.at_x(edges[-1]):.1f},{ground}Z"
    return f'<path class="{name} area" d="{path}"/>'


def _bar(axes: Axes, low: float, high: float, number: int, name: str) -> str:
    left, top = axes.at_x(low) + 0.5, axes.at_y(number)
    return (
        f'<rect class="{name}" x="{left:.1f}" y="{top:.1f}" width="{axes.at_x(high) - left - 0.5:.1f}" '
        f'height="{max(1.0, axes.at_y(0) - top):.1f}"><title>{number:,} people</title></rect>'
    )


def _svg(title: str, parts: Sequence[str]) -> str:
    body = "\n".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{body}</svg>'
