"""Where the text of messages is kept: in the store, or in an AgentCore Memory over it (``chat.memory``)."""

from doorward.compose.memory_engine import memory_engine
from doorward.model.settings import Settings
from doorward.ports.functions import OpenedStores


def with_texts(settings: Settings, stores: OpenedStores) -> OpenedStores:
    """The stores as they are, or with their texts in the memory. Closing what comes back closes both.

    `ConfigurationError` (``package_missing``) without botocore.
    """
    memory = settings.chat.memory
    if not memory:
        return stores
    return memory_engine("chat.memory").over(stores, memory, region=settings.agent.region)  # type: ignore[no-any-return]
