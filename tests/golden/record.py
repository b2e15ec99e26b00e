"""Write the golden scores: `python -m tests.golden.record`, from the root of the project.

A golden that is there already is only replaced when the model has got another name: what a published
model says of a history never changes.
"""

import json
import sys
from pathlib import Path

from tests.golden.archetypes import LIVES
from tests.golden.weekly import SCORES, differences, weekly, write
from tests.oracle.engines import Core


def record(told: dict[str, str], model: str, folder: Path) -> list[str]:
    """Write each person's text of `told` to `folder`; return what was refused, and why."""
    folder.mkdir(exist_ok=True)
    refused = []
    for person, text in told.items():
        path = folder / f"{person}.jsonl"
        kept = path.read_text() if path.exists() else ""
        if kept and _model_of(kept) == model and differences(kept, text):
            refused.append(f"{person}: {model} said otherwise; a changed golden needs a model of a new name")
        else:
            path.write_text(text)
    return refused


def _model_of(kept: str) -> str:
    return str(json.loads(kept.splitlines()[0])["model"])


if __name__ == "__main__":
    core = Core()
    name = core.model.name
    texts = {person: write(weeks, name) for person, weeks in weekly(core, [live() for live in LIVES]).items()}
    problems = record(texts, name, SCORES)
    sys.exit("\n".join(problems) if problems else 0)
