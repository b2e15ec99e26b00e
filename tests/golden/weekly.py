"""What the core says of the archetypes, week by week, and how that is kept: one line per week."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.golden.life import DAY_MS, WEEKS, YEAR_STARTS_MS, Life
from tests.oracle.engines import Engine

from presence.events.door import check

SCORES = Path(__file__).with_name("scores")
KEPT = (
    *("presence", "visibility", "reviews", "associates", "factor"),
    *("evidence", "confidence", "generosity", "events"),
)

Week = dict[str, Any]


def weekly(engine: Engine, lives: Sequence[Life]) -> dict[str, list[Week]]:
    """By person, the scores of the Mondays 00:00Z that end the weeks of the year, in the page's integers.

    Each week is folded as it came: one batch of everybody, in the order of observation.
    """
    log = sorted((check(event) for life in lives for event in life.events), key=lambda e: e.observed_ms)
    state, taken = engine.empty(), 0
    told: dict[str, list[Week]] = {life.person: [] for life in lives}
    for week in range(1, WEEKS + 1):
        end_ms = YEAR_STARTS_MS + 7 * week * DAY_MS
        batch = [event for event in log[taken:] if event.observed_ms < end_ms]
        taken += len(batch)
        state = engine.fold(state, batch)
        for person, score in engine.scores(state, end_ms).items():
            kept = {field: score[field] for field in KEPT}
            told[person].append({"week": week, **kept, **score["pillars"]})
    assert taken == len(log)
    return told


def write(weeks: Sequence[Week], model: str) -> str:
    """The text of a golden: one line of JSON per week, each naming the model."""
    return "".join(json.dumps({"model": model, **week}) + "\n" for week in weeks)


def differences(kept: str, told: str) -> list[str]:
    """The weeks that `told` tells otherwise than `kept`, as sentences; empty if they are the same."""
    one, other = kept.splitlines(), told.splitlines()
    found = [f"{len(one)} weeks were kept, {len(other)} are told"] if len(one) != len(other) else []
    pairs = zip(map(json.loads, one), map(json.loads, other), strict=False)
    return found + [
        f"week {was['week']}: {field} was {was.get(field)}, is {now.get(field)}"
        for was, now in pairs
        for field in {**was, **now}
        if was.get(field) != now.get(field)
    ]
