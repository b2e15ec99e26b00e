"""The curves of a model as small SVG pictures, drawn from the model's own numbers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from presence.events.errors import CallerError
from presence.model import decay
from presence.model.measures import saturation
from presence.model.spec import Model

WIDTH, HEIGHT, MARGIN = 640, 320, 48
_INKS = ("#1b6ca8", "#c8553d", "#588157", "#6d597a")
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Picture:
    """Curves over the same axes; y goes from 0 to 100."""

    name: str
    title: str
    x_label: str
    x_max: float
    y_label: str
    curves: Sequence[tuple[str, Points]]
    legend_y: int = MARGIN + 24
    """Where the names of the curves begin, on the right: where the curves are not."""


def write_curves(model: Model, folder: Path) -> Iterator[Path]:
    """Write every picture of the model into `folder`; the same model gives the same bytes.

    Raises CallerError if a file cannot be written.
    """
    for picture in (_saturation(model), _decay(model), _recovery(model)):
        path = folder / f"{picture.name}.svg"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(svg(picture), encoding="utf-8")
        except OSError as error:
            raise CallerError(f"{path}: {error.strerror}") from error
        yield path


def _saturation(model: Model) -> Picture:
    """One actor who acts n times, and n actors who act once, as shares of resonance on one network."""
    network = "bluesky"
    full_at = model.network(network).resonance_full_at
    weight = model.pillars.resonance.weights["LIKE"]
    times = np.unique(np.geomspace(1, 1000, 60).astype(np.int64))
    one = np.log1p(np.log1p(times))
    many = np.minimum(times, model.slots) * np.log1p(np.log1p(np.maximum(1, times / model.slots)))
    curves = [
        (label, _points(times, saturation((values * weight * 1000).astype(np.int64), full_at) / 10_000))
        for label, values in (("from as many people", many), ("from one person", one))
    ]
    return Picture(
        "saturation",
        f"What likes add to resonance on {network}",
        "likes in one week",
        1000,
        "share of full, percent",
        curves,
    )


def _decay(model: Model) -> Picture:
    """What is left of an act of each pillar as it ages."""
    days = np.arange(0, 731, 5)
    curves = []
    for half_life in sorted({pillar.half_life_days for _, pillar in model.pillars.items()}):
        pillars = [name for name, pillar in model.pillars.items() if pillar.half_life_days == half_life]
        table = decay.table(half_life)
        left = table[np.minimum(days, len(table) - 1)] * 100 / 2**decay.ONE_BITS
        curves.append((f"{', '.join(pillars)} ({half_life} days)", _points(days, left)))
    return Picture("decay", "What is left of an act", "age in days", 730, "percent", curves)


def _recovery(model: Model) -> Picture:
    """What one open finding leaves of a score as it ages."""
    days = np.arange(0, 731, 5)
    table = decay.table(model.conduct.half_life_days)
    left = table[np.minimum(days, len(table) - 1)]
    curves = []
    for severity in ("minor", "serious", "severe"):
        burden = getattr(model.conduct, severity) * left >> decay.ONE_BITS
        factor = np.maximum(model.conduct.factor_min / 1e6, np.exp(-burden / 1e6))
        curves.append((f"one {severity} finding", _points(days, factor * 100)))
    return Picture("recovery", "What a finding leaves of a score", "days since", 730, "percent", curves, 200)


def _points(xs: Sequence[float] | np.ndarray, ys: np.ndarray) -> Points:
    return [(float(x), float(y)) for x, y in zip(xs, ys, strict=True)]


def svg(picture: Picture) -> str:
    """The picture as a standalone SVG document of WIDTH by HEIGHT."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(picture.title)}</title>",
        "<style>text { font: 12px sans-serif; }</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{MARGIN}" y="24" style="font-size: 15px">{escape(picture.title)}</text>',
        *_axes(picture),
    ]
    for number, (label, points) in enumerate(picture.curves):
        ink = _INKS[number % len(_INKS)]
        path = " ".join(f"{_x(x, picture):.1f},{_y(y):.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{ink}" stroke-width="2"/>')
        parts.append(
            f'<text x="{WIDTH - MARGIN}" y="{picture.legend_y + 16 * number}" text-anchor="end" fill="{ink}">'
            f"{escape(label)}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])


def _axes(picture: Picture) -> Iterator[str]:
    for percent in (0, 25, 50, 75, 100):
        y = _y(percent)
        yield f'<line x1="{MARGIN}" y1="{y:.1f}" x2="{WIDTH - MARGIN}" y2="{y:.1f}" stroke="#dddddd"/>'
        yield f'<text x="{MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{percent}</text>'
    for part in range(5):
        x = picture.x_max * part / 4
        yield f'<text x="{_x(x, picture):.1f}" y="{HEIGHT - 28}" text-anchor="middle">{x:.0f}</text>'
    yield f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(picture.x_label)}</text>'
    yield f'<text x="{MARGIN}" y="42" fill="#555555">{escape(picture.y_label)}</text>'


def _x(x: float, picture: Picture) -> float:
    return MARGIN + (WIDTH - 2 * MARGIN) * x / picture.x_max


def _y(percent: float) -> float:
    return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN - 12) * percent / 100
