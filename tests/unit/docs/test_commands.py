"""Every `presence` command in README and docs is one that this version has, with those options and arguments.

Each is parsed by the very parser that would run it, up to the point where it would begin: a renamed command or option, or a missing
argument, fails here. What cannot be parsed as it stands is in ELSEWHERE, with why.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import click
import pytest
import typer.main

from presence.cli.main import app

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```[a-z]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(r"^    (\$ )?(?:[A-Z_]+=\S+ )*presence .*$", re.MULTILINE)
ELSEWHERE: MappingProxyType[str, str] = MappingProxyType({})
"""Command: why it is not parsed."""


def commands() -> Iterator[tuple[str, str]]:
    """Page and command line, without comments, variables and what comes behind a pipe."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = [*FENCE.findall(text), *(match[0].strip() for match in INDENTED.finditer(text))]
        for line in "\n".join(blocks).replace("\\\n", " ").splitlines():
            words = re.sub(r"^\s*(\$ )?((?:[A-Z_]+=\S+ )*)", "", line)
            if words.startswith("presence "):
                yield str(page.relative_to(ROOT)), words.strip()


def parsed(line: str) -> list[str]:
    words = shlex.split(line, comments=True)[1:]
    for number, word in enumerate(words):
        if word in {"|", "&&", ";", ">", "&", "2>&1"}:
            return words[:number]
    return words


FOUND = sorted(set(commands()))


def test_there_are_commands_to_try() -> None:
    assert len(FOUND) > 40
    assert {page for page, _ in FOUND} >= {"README.md", "docs/runbooks/freshness.md", "docs/scoring.md"}


@pytest.mark.parametrize(("page", "line"), FOUND, ids=[f"{page}: {line}" for page, line in FOUND])
def test_the_command_is_one_that_there_is(page: str, line: str) -> None:
    if line in ELSEWHERE:
        pytest.skip(ELSEWHERE[line])
    command: Any = typer.main.get_command(app)
    words, parent = parsed(line), None
    name = "presence"
    try:
        while True:
            context = command.make_context(name, list(words), parent=parent)
            if not hasattr(command, "resolve_command"):
                return
            if command.invoke_without_command and not (context._protected_args or context.args):  # noqa: SLF001
                return
            rest = [*context._protected_args, *context.args]  # noqa: SLF001 (click tells no other way)
            name, command, words = command.resolve_command(context, rest)
            assert command is not None, f"{page}: {line}: there is no such command"
            parent = context
    except click.exceptions.Exit:
        return
    except click.UsageError as error:
        raise AssertionError(f"{page}: {line}: {error.format_message()}") from error
