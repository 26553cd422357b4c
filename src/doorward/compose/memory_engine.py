"""The engine over AgentCore Memory, loaded where a setting asks for it: neither start-up nor a small installation has
botocore."""

from importlib import import_module
from types import ModuleType

from doorward.errors import ConfigurationError


def memory_engine(setting: str) -> ModuleType:
    """`stores.agentcore.open`. `ConfigurationError` (``package_missing``) without botocore, naming the `setting`."""
    try:
        return import_module("doorward.stores.agentcore.open")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"{setting} needs the package {error.name}: install doorward[dynamodb].", code="package_missing"
        ) from None
