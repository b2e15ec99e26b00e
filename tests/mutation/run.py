"""Mutation testing of the core: `python -m tests.mutation.run FOLDER [PATTERN...]`, from the project's root.

mutmut 3 knows packages under `src/` only, and writes beside what it mutates, so the package and the tests
of the model are laid out anew in FOLDER, where a later run goes on. A PATTERN is a mutant's name, such as
`presence.model.ledger*`; without one every mutant of the core is tried, which takes hours.

mutmut is no dependency of the project, since it and Faust want different versions of click. It needs an
environment of its own: numpy, polars, msgspec, typer, rich, pytest, pytest-timeout, hypothesis, `mutmut==3.8.*`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITES = ("tests/golden", "tests/oracle", "tests/property", "tests/unit/model")
NOT_OF_THE_CORE = (
    "tests/property/test_bluesky_decoder.py",
    "tests/unit/model/test_cli.py",
    "tests/unit/model/test_docs.py",
    "tests/unit/model/test_faults.py",
)
"""Tests of other code, of documents, and of the text of the core, which mutmut rewrites."""
SETTINGS = """\
[tool.pytest.ini_options]
addopts = "-ra --strict-markers --strict-config --import-mode=importlib"
timeout = 300

[tool.mutmut]
source_paths = ["src"]
only_mutate = ["src/presence/model/*"]
pytest_add_cli_args = ["-p", "no:cacheprovider", "-x", "-q"]
pytest_add_cli_args_test_selection = ["tests/unit/model", "tests/golden", "tests/property"]
process_isolation = "forkserver"
use_git_change_detection = false
"""
"""A fork server, because the threads of polars do not survive a fork."""
ENVIRONMENT = {"HYPOTHESIS_PROFILE": "quick", "POLARS_MAX_THREADS": "1"}
"""Thirty examples of each property: a mutant that survives them is tried again with CI's thousand by hand."""


def lay_out(folder: Path) -> None:
    """Copy package and tests to `folder`, in the shape that mutmut understands; what was there is replaced."""
    for part in ("src", "tests"):
        shutil.rmtree(folder / part, ignore_errors=True)
    without = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "services/presence", folder / "src/presence", ignore=without)
    for suite in SUITES:
        shutil.copytree(ROOT / suite, folder / suite, ignore=without)
    for path in NOT_OF_THE_CORE:
        (folder / path).unlink(missing_ok=True)
    (folder / "pyproject.toml").write_text(SETTINGS)


def main(folder: Path, patterns: list[str]) -> int:
    """Lay out, run, and say which mutants survived; the exit code is mutmut's."""
    lay_out(folder)
    mutmut = [sys.executable, "-m", "mutmut"]
    environment = os.environ | ENVIRONMENT
    ran = subprocess.run([*mutmut, "run", *patterns], cwd=folder, env=environment, check=False)
    subprocess.run([*mutmut, "results"], cwd=folder, env=environment, check=False)
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
