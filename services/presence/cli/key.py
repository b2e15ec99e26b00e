"""`presence key`: a new API key of the gateway. The key is shown once; the gateway's file holds its hash."""

import os
from pathlib import Path
from typing import Annotated

import typer

from presence.events.errors import CallerError
from presence.gateway.callers import new_key, parse
from presence.gateway.scopes import Scope


def key(
    name: Annotated[
        str, typer.Argument(help="Who it is for: lower case letters, digits, hyphens.", metavar="ID")
    ],
    file: Annotated[
        Path, typer.Option("--file", help="PRESENCE_GATEWAY_CALLERS_FILE; made if it is not there.")
    ],
    scope: Annotated[
        list[Scope], typer.Option("--scope", help="What its holder may do; repeat it for more.")
    ],
    expires: Annotated[str, typer.Option(help="When it ends, such as 2027-01-01T00:00:00Z.")] = "",
) -> None:
    """Print a new API key, and add its hash to the gateway's file of callers, which a running gateway reads again."""
    made = new_key(name)
    names = ", ".join(f'"{each.value}"' for each in scope)
    entry = f'[[caller]]\nid = "{name}"\nsecret_sha256 = "{made.secret_sha256}"\nscopes = [{names}]\n'
    if expires:
        entry += f"expires = {expires}\n"
    try:
        before = file.read_text() + "\n" if file.exists() else ""
        parse((before + entry).encode(), calls_per_s_max=1.0)
        _replace(file, before + entry)
    except OSError as error:
        raise CallerError(f"{file}: {error.strerror}") from error
    print(made.key)


def _replace(file: Path, content: str) -> None:
    """The whole file or none of it, readable by its owner only."""
    fresh = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(content)
    fresh.replace(file)
