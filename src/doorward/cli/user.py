"""`doorward user`: users of the embedded sign-in."""

import asyncio
import sys
from typing import Any

import click

from doorward.cli.options import data_options, loaded_from
from doorward.compose.accounts import add_user, disable_user, list_users, random_password, set_password, set_roles
from doorward.compose.running import as_running


@click.group("user")
def command() -> None:
    """Users of the embedded sign-in."""


@command.command("add")
@click.argument("username")
@click.option("--email", default="", help="Their e-mail address.")
@click.option("--role", "roles", multiple=True, help="A role, such as operator; may be given more than once.")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin; without it a random one is made.")
@data_options
def add(username: str, email: str, roles: tuple[str, ...], password_stdin: bool, **options: Any) -> None:  # noqa: ANN401
    """Add USERNAME and print the password that was made."""
    password = _password(password_stdin)
    settings = as_running(loaded_from(options))
    asyncio.run(add_user(settings, username, password, email=email, roles=frozenset(roles)))
    click.echo(f"Added {username}." if password_stdin else f"Added {username} with password {password}")


@command.command("list")
@data_options
def list_(**options: Any) -> None:  # noqa: ANN401
    """List all users."""
    for account in asyncio.run(list_users(as_running(loaded_from(options)))):
        state = "disabled" if account.disabled else "enabled"
        click.echo("\t".join((account.username, account.email, state, ",".join(sorted(account.roles)))))


@command.command("disable")
@click.argument("username")
@click.option("--undo", is_flag=True, help="Enable the user again.")
@data_options
def disable(username: str, undo: bool, **options: Any) -> None:  # noqa: ANN401
    """Disable USERNAME; every session and refresh token of theirs ends at once."""
    asyncio.run(disable_user(as_running(loaded_from(options)), username, disabled=not undo))
    click.echo(f"{'Enabled' if undo else 'Disabled'} {username}.")


@command.command("roles")
@click.argument("username")
@click.option("--role", "roles", multiple=True, help="A role that the user is to have; without any, none is left.")
@data_options
def roles_(username: str, roles: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401
    """Replace the roles of USERNAME; every session and refresh token of theirs, which hold the old ones, ends."""
    asyncio.run(set_roles(as_running(loaded_from(options)), username, frozenset(roles)))
    click.echo(f"Roles of {username}: {', '.join(sorted(roles)) or 'none'}.")


@command.command("passwd")
@click.argument("username")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin; without it a random one is made.")
@data_options
def passwd(username: str, password_stdin: bool, **options: Any) -> None:  # noqa: ANN401
    """Replace the password of USERNAME."""
    password = _password(password_stdin)
    asyncio.run(set_password(as_running(loaded_from(options)), username, password))
    click.echo("Changed." if password_stdin else f"The password of {username} is now {password}")


def _password(from_stdin: bool) -> str:
    return sys.stdin.readline().rstrip("\n") if from_stdin else random_password()
