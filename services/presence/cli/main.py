"""The root of the `presence` command. Each subcommand is a module that is imported when it is called."""

import importlib
from importlib.metadata import version
from types import MappingProxyType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from presence.cli.context import exit_on_error

COMMANDS = MappingProxyType(
    {
        "demo": "presence.cli.demo:demo",
        "up": "presence.cli.stack:up",
        "down": "presence.cli.stack:down",
        "doctor": "presence.cli.doctor:doctor",
        "broker": "presence.cli.broker:app",
        "roster": "presence.cli.roster:app",
        "ingest": "presence.cli.ingest:app",
        "web": "presence.cli.web:web",
        "nightly": "presence.cli.nightly:nightly",
        "scoring": "presence.cli.scoring:app",
        "archive": "presence.cli.archive:app",
        "import": "presence.cli.importing:import_export",
        "score": "presence.cli.score:score",
        "watch": "presence.cli.score:watch",
        "explain": "presence.cli.reasons:explain",
        "top": "presence.cli.reasons:top",
        "rank": "presence.cli.reasons:rank",
        "history": "presence.cli.reasons:history",
        "simulate": "presence.cli.reasons:simulate",
        "flag": "presence.cli.findings:flag",
        "unflag": "presence.cli.findings:unflag",
        "appeal": "presence.cli.findings:appeal",
        "findings": "presence.cli.findings:findings",
        "associates": "presence.cli.associates:app",
        "conduct": "presence.cli.conduct:app",
        "key": "presence.cli.key:key",
        "model": "presence.cli.model:app",
        "replay": "presence.cli.replay:app",
        "bench": "presence.cli.bench:app",
        "soak": "presence.cli.soak:soak",
        "chaos": "presence.cli.chaos:chaos",
        "chaos-ingest": "presence.cli.chaos_ingest:chaos_ingest",
    }
)
"""Name of the subcommand: where its typer app, or its function, is."""


class LazyGroup(TyperGroup):
    """Imports a subcommand when it is asked for, so that no command waits for another's libraries."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (the signature is typer's)
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 (the signature is typer's)
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name].split(":")
        app = getattr(importlib.import_module(module), attribute)
        if not isinstance(app, typer.Typer):
            function, app = app, typer.Typer(add_completion=False)
            app.command(cmd_name)(function)
        command = typer.main.get_command(app)
        command.name = cmd_name
        return command


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(version("presence"))
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """A running, explained score of how people and businesses come across on the networks."""


def main() -> None:
    """Run the command; an error that its caller can mend is one line and an exit code."""
    with exit_on_error():
        app()


if __name__ == "__main__":
    main()
