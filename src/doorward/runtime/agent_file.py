"""Where the agent's code is: ``FILE`` or ``FILE:NAME`` as the setting says. The file is read by the worker alone."""

from pathlib import Path

from msgspec import Struct

from doorward.errors import ConfigurationError

BUILT_IN = Path(__file__).parent / "builtin" / "hello.py"


class AgentFile(Struct, frozen=True, kw_only=True):
    """A file and, unless empty, the name in it that is the agent."""

    path: Path
    attribute: str = ""


def agent_secrets(path: Path) -> tuple[str, ...]:
    """What often lies beside an agent and is none of its business: configuration with keys, environment files, history
    of versions."""
    names = ("doorward.toml", ".env", ".env.*", ".git", ".doorward")
    return tuple(str(found) for name in names for found in path.parent.glob(name))


def agent_file(setting: str) -> AgentFile:
    """Read the setting ``agent.file``; empty means the built-in example. `ConfigurationError` when there is no file."""
    if not setting:
        return AgentFile(path=BUILT_IN)
    file, _, attribute = setting.rpartition(":")
    if not file or not attribute.isidentifier():
        file, attribute = setting, ""
    path = Path(file).resolve()
    if not path.is_file():
        raise ConfigurationError(f"There is no agent file {path}; set agent.file (or --agent) to FILE or FILE:NAME.")
    return AgentFile(path=path, attribute=attribute)
