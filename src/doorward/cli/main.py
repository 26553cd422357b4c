"""The root of the command line. A subcommand's module loads when it is called, so that help is fast."""

import sys
from importlib import import_module

import click

from doorward import __version__
from doorward.errors import DoorwardError

_COMMANDS = {
    "up": "Start the house on this machine: both processes, supervised.",
    "serve": "Run one process alone: gateway or runtime.",
    "user": "Users of the embedded sign-in: add, list, disable, roles, passwd.",
    "token": "An access token for a user of the embedded sign-in.",
    "audit": "The ledger: list and verify.",
    "probe": "Attack the house as an outsider would, and say what gets through.",
    "doctor": "Is the configuration safe and complete, are the parts reachable?",
    "deploy": "Templates for AWS: the same house in the cloud.",
    "new": "Begin a project: agent.py, doorward.toml, README.",
}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"doorward.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="doorward")
def root() -> None:
    """Doorward: the architecture around an AI agent. Four doors, each with its own key."""


def main() -> None:
    """Run the command line. An error of ours is one sentence and its code on stderr, with exit status 2."""
    try:
        root(prog_name="doorward")
    except DoorwardError as error:
        click.echo(f"doorward: {error.message} [{error.code}]", err=True)
        sys.exit(2)
