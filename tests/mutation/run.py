"""Mutation testing of the core: `python tests/mutation/run.py FOLDER [PATTERN...]`, from the project's root.

The package and the tests of the model are laid out anew in FOLDER, every module of the model as mutmut
rewrites it: with all its mutants, of which an environment variable chooses one. pytest collects once; each
mutant is a fork of that warm process, which runs the tests that reach the mutated function until one fails,
first those that killed its neighbours. mutmut's own runner collects and imports anew for each, for hours.

A PATTERN is a mutant's name, such as `presence.model.ledger*`; without one all are tried, which takes half
an hour on two idle cores. $EXAMPLES is the number of examples of each property. FOLDER/results.jsonl gets a line
of each mutant, also of a later run in the same FOLDER; `python tests/mutation/report.py FOLDER` reads it.

mutmut is no dependency of the project, since it and Faust want different versions of click. It needs an
environment of its own: numpy, polars, msgspec, typer, rich, pytest, pytest-timeout, hypothesis, `mutmut==3.8.*`.
"""

import os
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITES = ("tests/golden", "tests/mutation", "tests/oracle", "tests/property", "tests/unit/model")
NOT_OF_THE_CORE = (
    "tests/property/test_bluesky_decoder.py",
    "tests/property/test_exports.py",
    "tests/property/test_network_decoders.py",
    "tests/property/test_open_networks.py",
    "tests/property/test_receiver.py",
    "tests/property/test_versions.py",
    "tests/unit/model/test_cli.py",
    "tests/unit/model/test_docs.py",
    "tests/unit/model/test_faults.py",
)
"""Tests of other code, of documents, and of the text of the core, which mutmut rewrites."""
SETTINGS = """\
[tool.pytest.ini_options]
addopts = "-ra --strict-markers --strict-config --import-mode=importlib"
filterwarnings = ["error", "ignore::pytest.PytestAssertRewriteWarning"]
testpaths = ["tests"]
"""
ENVIRONMENT = {"HYPOTHESIS_PROFILE": "mutation", "POLARS_MAX_THREADS": "1"}
_CACHED = re.compile(r"^@(lru_cache.*)\n(?=def (\w+))", re.MULTILINE)
"""mutmut leaves decorated functions alone, so these are decorated after their mutants are written."""


def lay_out(folder: Path) -> list[str]:
    """Copy package and tests to `folder`, the model with its mutants; their names. What was there is replaced."""
    for part in ("src", "tests"):
        shutil.rmtree(folder / part, ignore_errors=True)
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "services/presence", folder / "src/presence", ignore=without)
    for suite in SUITES:
        shutil.copytree(ROOT / suite, folder / suite, ignore=without)
    for path in NOT_OF_THE_CORE:
        (folder / path).unlink()
    (folder / "pyproject.toml").write_text(SETTINGS)
    os.chdir(folder)
    return [name for path in sorted(Path("src/presence/model").glob("*.py")) for name in _mutate(path)]


def _mutate(path: Path) -> list[str]:
    # mutmut reads its settings from the folder of the process, and is not in the environment of the project.
    from mutmut.mutation.file_mutation import (  # type: ignore[import-not-found]  # noqa: PLC0415
        mutate_file_contents,
    )

    code = path.read_text()
    mutated = mutate_file_contents(str(path), _CACHED.sub("", code))
    cached = "".join(f"\n{name} = {cache}({name})\n" for cache, name in _CACHED.findall(code))
    path.write_text(mutated.code + cached)
    return [f"presence.model.{path.stem}.{name}" for name in mutated.mutant_names]


def main(folder: Path, patterns: list[str]) -> int:
    """Lay out, and try the mutants that a pattern names."""
    folder.mkdir(exist_ok=True)
    names = lay_out(folder)
    os.environ.update(ENVIRONMENT)
    sys.path[:0] = [str(folder / "src"), str(folder)]
    import pytest  # noqa: PLC0415 - polars reads its environment on import.
    from tests.mutation.forks import Forks  # noqa: PLC0415

    plugins = [Forks(names, patterns or ["*"], folder / "results.jsonl")]
    return int(
        pytest.main(["-q", "--tb=native", "-p", "no:cacheprovider", "-p", "no:timeout"], plugins=plugins)
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
