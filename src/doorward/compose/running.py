"""Where the house of a data folder listens while it is up, so that other commands find it whatever ports it took."""

from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from doorward.compose.house import Places
from doorward.compose.listen import with_addresses
from doorward.compose.settings import Loaded
from doorward.errors import ConfigurationError
from doorward.identity import private_files
from doorward.model.settings import Settings


class Running(Struct, frozen=True, kw_only=True):
    """The addresses of a house that is up."""

    front_door: str
    agent_door: str


def note_running(settings: Settings) -> None:
    """Say that this house is up."""
    running = Running(front_door=settings.gateway.public_url, agent_door=settings.agent.url)
    private_files.replace(Places(settings).running, msgspec.json.encode(running))


def forget_running(settings: Settings) -> None:
    """It is not up any longer."""
    Places(settings).running.unlink(missing_ok=True)


def as_running(loaded: Loaded) -> Settings:
    """The settings with the addresses of the house that is up, unless a port was asked for; else with the configured
    ones."""
    settings = loaded.settings
    file = Path(settings.data).absolute() / "running.json"
    if file.exists() and loaded.sources.get("gateway.port") != "command line":
        try:
            running = msgspec.json.decode(file.read_bytes(), type=Running)
        except msgspec.DecodeError:
            raise ConfigurationError(f"{file} is damaged. Remove it, or start the house anew.") from None
        settings = replace(
            settings,
            gateway=replace(settings.gateway, public_url=running.front_door),
            agent=replace(settings.agent, url=running.agent_door),
        )
    return with_addresses(settings, gateway_port=settings.gateway.port, agent_port=settings.agent.port)
