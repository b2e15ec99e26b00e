"""What became of the mutants: `python tests/mutation/report.py FOLDER`, a table of the modules and what survives."""

import ast
import difflib
import json
import sys
from collections import Counter
from functools import cache
from pathlib import Path

OUTCOMES = ("killed", "timed out", "crashed", "survived")


def last(results: Path) -> dict[str, str]:
    """The outcome of each mutant when it was tried last."""
    with results.open() as file:
        return {line["mutant"]: line["outcome"] for line in map(json.loads, file)}


def table(outcomes: dict[str, str]) -> list[str]:
    """One row of each module, and one of all, as Markdown. What times out or crashes counts as killed."""
    counts = Counter((_module(name), outcome) for name, outcome in outcomes.items())
    modules = sorted({module for module, _ in counts})
    by_module = {name: [counts[name, outcome] for outcome in OUTCOMES] for name in modules}
    by_module["all"] = [sum(numbers) for numbers in zip(*by_module.values(), strict=True)]
    rows = [
        "| module | mutants | " + " | ".join(OUTCOMES) + " | rate |",
        "|---|" + "---:|" * (len(OUTCOMES) + 2),
    ]
    for name, numbers in by_module.items():
        cells = [name, sum(numbers), *numbers, f"{100 * (1 - numbers[-1] / sum(numbers)):.1f} %"]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return rows


def _module(mutant: str) -> str:
    return mutant.split(".")[2]


@cache
def _functions(path: Path) -> dict[str, str]:
    return {
        node.name: ast.unparse(node)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }


def change(mutant: str, folder: Path) -> list[str]:
    """The lines that a mutant takes out of its function and puts in."""
    *_, module, name = mutant.split(".")
    functions = _functions(folder / f"src/presence/model/{module}.py")
    original = functions[name.rpartition("__mutmut_")[0] + "__mutmut_orig"]
    lines = difflib.unified_diff(
        original.splitlines()[1:], functions[name].splitlines()[1:], n=0, lineterm=""
    )
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


def main(folder: Path) -> None:
    """Write the table, and of each mutant that is not killed its name and change."""
    outcomes = last(folder / "results.jsonl")
    lines = table(outcomes)
    for name, outcome in sorted(outcomes.items()):
        if outcome != "killed":
            lines += ["", f"{name}: {outcome}", *change(name, folder)]
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
