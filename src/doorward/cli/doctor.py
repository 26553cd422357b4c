"""`doorward doctor`."""

import asyncio
import sys
from typing import Any

import click

from doorward.cli.options import loaded_from, settings_options
from doorward.compose.checkup import check_up
from doorward.compose.settings import Loaded
from doorward.model.console import Remark


@click.command("doctor")
@settings_options
def command(**options: Any) -> None:  # noqa: ANN401
    """Check the configuration and the parts. Exit status 1 when something is bad."""
    remarks = asyncio.run(_all(loaded_from(options)))
    for remark in remarks:
        click.echo(f"{remark.state:5} {remark.text}")
    sys.exit(1 if any(remark.state == "bad" for remark in remarks) else 0)


async def _all(loaded: Loaded) -> list[Remark]:
    return [remark async for remark in check_up(loaded)]
