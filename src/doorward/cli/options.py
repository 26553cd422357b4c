"""Options that several commands share, and how they become settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from doorward.compose.settings import Loaded, load

_PATTERNS = ("direct", "front-door", "two-doors", "conversations")


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that change settings."""
    for option in reversed(
        (
            click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="The configuration file."),
            click.option("--data", help="Folder of the stores and keys."),
            click.option("--pattern", type=click.Choice(_PATTERNS), help="Which of the four architectures."),
            click.option("--agent", metavar="FILE[:NAME]", help="The agent's file."),
            click.option("--model", help="rehearsal, or provider:model."),
            click.option("--port", type=click.IntRange(0, 65535), help="Port of the front door."),
            click.option("--agent-port", type=click.IntRange(0, 65535), help="Port of the agent door."),
        )
    ):
        command = option(command)
    return command


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say which house is meant."""
    for option in (
        click.option("--data", help="Folder of the stores and keys."),
        click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="The configuration file."),
    ):
        command = option(command)
    return command


def loaded_from(options: dict[str, Any]) -> Loaded:
    """The settings that these options, the environment and the file make together."""
    keys = {
        "data": "data",
        "pattern": "pattern",
        "agent": "agent.file",
        "model": "agent.model",
        "port": "gateway.port",
        "agent_port": "agent.port",
    }
    given = {keys[name]: value for name, value in options.items() if name in keys}
    return load(file=options.get("config"), options=given)
