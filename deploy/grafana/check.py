# ruff: noqa: INP001, T201 (a script of deploy/, and no package; it prints)
"""Ask what every panel of every dashboard asks, and say how many series came back.

    python deploy/grafana/check.py --prometheus http://127.0.0.1:9090 --people http://127.0.0.1:8791 --person p_...

Exit code 1 if a panel has no series: its metric has another name, or nothing is there to be shown. Without `--people` the dashboard
of one person, which asks `presence web`, is left out, and that is said.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx

FOLDER = Path(__file__).parent / "dashboards"
LOOK_S = 2.0
DAY_MS = 86_400_000


class Asked(NamedTuple):
    """One query of a panel; `series` None: it was left out."""

    dashboard: str
    panel: str
    query: str
    series: int | None


def targets(folder: Path) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Dashboard, panel and target of everything that is shown."""
    for file in sorted(folder.glob("*.json")):
        board = json.loads(file.read_bytes())
        for row in board["panels"]:
            for panel in (row, *row.get("panels", ())):
                for target in panel.get("targets", ()):
                    yield board["title"], panel["title"], target


def of_prometheus(client: httpx.Client, address: str, target: dict[str, Any]) -> int:
    """How many series the query has now. Raises httpx.HTTPError if it is not PromQL."""
    answer = client.get(f"{address}/api/v1/query", params={"query": target["expr"]})
    answer.raise_for_status()
    return len(answer.json()["data"]["result"])


def of_people(client: httpx.Client, address: str, person: str, target: dict[str, Any]) -> int:
    """How many rows with all of its columns the question has."""
    now_ms = time.time_ns() // 1_000_000
    path = target["url"]
    for name, value in (("person", person), ("__from", now_ms - 30 * DAY_MS), ("__to", now_ms)):
        path = path.replace(f"${{{name}}}", str(value))
    answer = client.get(f"{address}{path}")
    answer.raise_for_status()
    rows = answer.json()
    rows = rows[target["root_selector"]] if target["root_selector"] else [rows]
    return sum(all(column["selector"] in row for column in target["columns"]) for row in rows)


def ask(folder: Path, prometheus: str, people: str | None, person: str) -> Iterator[Asked]:
    """Every query once."""
    with httpx.Client(timeout=30) as client:
        for dashboard, panel, target in targets(folder):
            if "expr" in target:
                yield Asked(dashboard, panel, target["expr"], of_prometheus(client, prometheus, target))
            elif people is None:
                yield Asked(dashboard, panel, target["url"], None)
            else:
                yield Asked(dashboard, panel, target["url"], of_people(client, people, person, target))


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--people", help="where `presence web` listens")
    parser.add_argument("--person", default="", help="somebody who has a score")
    parser.add_argument("--dashboards", type=Path, default=FOLDER)
    parser.add_argument(
        "--wait", type=float, default=0.0, help="seconds until everything must have been scraped"
    )
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    deadline = time.monotonic() + given.wait
    while True:
        asked, trouble = [], ""
        try:
            asked = list(ask(given.dashboards, given.prometheus, given.people, given.person))
        except httpx.HTTPError as error:
            trouble = f"{error.__class__.__name__}: {error}"
        if (asked and all(each.series != 0 for each in asked)) or time.monotonic() > deadline:
            break
        time.sleep(LOOK_S)
    if trouble:
        print(f"check: {trouble}", file=sys.stderr)
        return 1
    for each in asked:
        if given.json:
            print(json.dumps(each._asdict()))
        else:
            series = "-" if each.series is None else str(each.series)
            print(f"{each.dashboard:22} {each.panel:46} {series:>4}  {' '.join(each.query.split())}")
    empty = [each for each in asked if each.series == 0]
    for each in empty:
        print(f"no series: {each.dashboard}, {each.panel}: {each.query}", file=sys.stderr)
    return 1 if empty else 0


if __name__ == "__main__":
    sys.exit(main())
