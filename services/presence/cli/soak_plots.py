"""What a soak sampled, as JSON lines and as two SVG pictures: memory and lag over time, restarts marked."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from presence.cli.soak_run import Done
from presence.replay.plots import HEIGHT, RIGHT, TOP, WIDTH, Axes, nice

INKS = ("#1b6ca8", "#c8553d", "#588157", "#6d597a", "#b08900")
STYLE = "text{font:12px sans-serif}.g{stroke:#ddd}.l{fill:#555}.r{stroke:#bbb;stroke-dasharray:2 3}"

Course = Sequence[tuple[float, float]]


def write(done: Done, folder: Path) -> None:
    """`samples.jsonl`, `memory.svg` and `lag.svg` in `folder`. Raises OSError."""
    with (folder / "samples.jsonl").open("w", encoding="utf-8") as file:
        for each in done.samples:
            file.write(json.dumps({"at_s": round(each.at_s, 1), "lag": each.lag, **each.megabytes}) + "\n")
    names = sorted({name for sample in done.samples for name in sample.megabytes})
    memory = {
        name: [(s.at_s / 60, s.megabytes[name]) for s in done.samples if name in s.megabytes]
        for name in names
    }
    restarts = [at_s / 60 for at_s, _ in done.rolled]
    (folder / "memory.svg").write_text(
        picture("Memory of each process", "MB", memory, restarts), encoding="utf-8"
    )
    lag = {"records": [(s.at_s / 60, float(s.lag)) for s in done.samples]}
    (folder / "lag.svg").write_text(
        picture("Records that are not folded yet", "records", lag, restarts), encoding="utf-8"
    )


def picture(title: str, unit: str, courses: Mapping[str, Course], marks: Sequence[float]) -> str:
    """Courses over minutes, each with its name; `marks` are minutes, too."""
    every = [point for course in courses.values() for point in course]
    axes = Axes((0, nice(max(x for x, _ in every) or 1)), (0, nice(max(y for _, y in every) or 1)))
    parts = [f"<title>{escape(title)}</title><style>{STYLE}</style>", *axes.drawn("minutes", unit)]
    top, bottom = axes.at_y(axes.y[1]), axes.at_y(0)
    parts += [
        f'<line class="r" x1="{axes.at_x(x):.1f}" x2="{axes.at_x(x):.1f}" y1="{top}" y2="{bottom}"/>'
        for x in marks
    ]
    for number, (name, course) in enumerate(courses.items()):
        ink = INKS[number % len(INKS)]
        points = " ".join(f"{axes.at_x(x):.1f},{axes.at_y(y):.1f}" for x, y in course)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="1.5"/>')
        place = f'x="{WIDTH - RIGHT - 4}" y="{TOP + 14 * (number + 1)}" text-anchor="end"'
        parts.append(f'<text {place} fill="{ink}">{escape(name.replace("_", " "))}</text>')
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{ground}{body}</svg>\n'
