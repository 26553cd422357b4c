"""Where the text of messages is kept: in the store, or in an AgentCore Memory over it (``chat.memory``).

The engine, with botocore, is imported only where it is configured: neither start-up nor a small installation has it.
"""

from importlib import import_module

from doorward.errors import ConfigurationError
from doorward.model.settings import Settings
from doorward.ports.functions import OpenedStores


def with_texts(settings: Settings, stores: OpenedStores) -> OpenedStores:
    """The stores as they are, or with their texts in the memory. Closing what comes back closes both.

    `ConfigurationError` (``package_missing``) without botocore.
    """
    memory = settings.chat.memory
    if not memory:
        return stores
    try:
        engine = import_module("doorward.stores.agentcore.open")
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"chat.memory needs the package {error.name}: install doorward[dynamodb].", code="package_missing"
        ) from None
    return engine.over(stores, memory, region=settings.agent.region)  # type: ignore[no-any-return]
