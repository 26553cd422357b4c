"""`doorward token`."""

import asyncio
from typing import Any

import click

from doorward.cli.options import data_options, loaded_from
from doorward.compose.accounts import access_token
from doorward.compose.running import as_running


@click.command("token")
@click.option("--user", required=True, help="Whose token.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port of the front door, when the house is not up.",
)
@data_options
def command(user: str, **options: Any) -> None:  # noqa: ANN401
    """Print an access token for a user of the embedded sign-in."""
    click.echo(asyncio.run(access_token(as_running(loaded_from(options)), user)))
