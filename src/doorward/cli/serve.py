"""`doorward serve`: one process alone, for containers."""

import sys
from typing import Any

import click

from doorward.cli.options import loaded_from, settings_options
from doorward.compose.serve import serve


@click.command("serve")
@click.argument("process", type=click.Choice(("gateway", "runtime")))
@settings_options
def command(process: str, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Run the gateway or the runtime alone until SIGTERM."""
    sys.exit(serve(process, loaded_from(options)))
