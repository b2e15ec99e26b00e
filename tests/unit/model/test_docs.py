"""What the page for the person who is scored says is what the model does."""

from pathlib import Path

import pytest

from presence.cli.model_input import folded, read_events
from presence.events.vocabulary import Severity
from presence.model.evaluate import evaluate
from presence.model.simulate import decline, recovery
from presence.model.spec import Model

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "model.md").read_text()


def test_the_worked_example_is_what_the_model_prints(model: Model) -> None:
    scores = evaluate(folded(read_events(DOCS / "model-example.jsonl"), model), model)
    told = {(line.split(" ")[1], line.split(" ")[-2]) for line in PAGE.splitlines() if line.startswith("| ")}
    for entry, millipoints in scores.waterfall.select("entry", "millipoints").iter_rows():
        assert (entry, f"{millipoints / 1000:.3f}") in told
    assert f"**{scores.people['presence'].item() / 1000:.3f}**" in PAGE


@pytest.mark.parametrize("severity", [None, Severity.SEVERE])
def test_its_curves_are_what_the_model_simulates(model: Model, severity: Severity | None) -> None:
    events = read_events(DOCS / "model-example.jsonl")
    state, start_ms = folded(events, model), max(event.observed_ms for event in events)
    if severity is None:
        curve = decline(state, model, start_ms, [90, 360])
    else:
        curve = recovery(state, model, start_ms, [0, 90, 180], severity)
    for millipoints in curve["presence"]:
        assert f"{millipoints / 1000:.3f}" in PAGE.split("What if?")[1]


def test_its_table_of_pillars_is_the_models(model: Model) -> None:
    for name in ("reach", "resonance", "expertise", "voice", "upkeep", "inbound"):
        parts = (getattr(kind.percent, name) for kind in (model.kinds.person, model.kinds.business))
        assert "| " + " | ".join([name, *map(str, parts)]) + " |" in PAGE
