"""`doorward up`."""

import asyncio
from pathlib import Path
from typing import Any

import click

from doorward.cli.options import loaded_from, settings_options
from doorward.compose.up import up


@click.command("up")
@settings_options
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write addresses, users and keys here (mode 0600) once everything answers.",
)
def command(ready_file: Path | None, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Start the house on this machine and keep it running until Ctrl-C."""
    asyncio.run(up(loaded_from(options), ready_file=ready_file, say=click.echo))
