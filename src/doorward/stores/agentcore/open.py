"""Puts AgentCore Memory over the stores of another engine, or erases in one. `compose` calls it; nothing else knows the
engine.

Credentials and endpoint are found as every AWS program finds them (``AWS_...`` in the environment, then the role).
"""

import botocore.session
from botocore.config import Config
from msgspec import Struct

from doorward.ports.conversations import BudgetStore, UsageStore
from doorward.ports.functions import Marks, OpenedStores
from doorward.stores.agentcore.conversations import AgentCoreConversations, AgentCoreForgotten
from doorward.stores.agentcore.eraser import AgentCoreEraser
from doorward.stores.agentcore.texts import THREADS, Texts
from doorward.stores.agentcore.turns import AgentCoreTurns

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0
TRIES = 4


class AgentCoreStores(Struct, frozen=True, kw_only=True):
    """What the functions share, with the texts of messages in a memory and everything else as it was."""

    beneath: OpenedStores
    texts: Texts
    conversations: AgentCoreConversations
    forgotten: AgentCoreForgotten
    turns: AgentCoreTurns

    @property
    def usage(self) -> UsageStore:
        """Of the store beneath."""
        return self.beneath.usage

    @property
    def budgets(self) -> BudgetStore:
        """Of the store beneath."""
        return self.beneath.budgets

    @property
    def marks(self) -> Marks:
        """Of the store beneath."""
        return self.beneath.marks

    def close(self) -> None:
        """Both."""
        self.texts.close()
        self.beneath.close()


def over(beneath: OpenedStores, memory: str, *, region: str) -> AgentCoreStores:
    """The stores with their texts in this memory (its id or ARN). Nothing is asked of it yet."""
    texts = _texts(memory, region)
    return AgentCoreStores(
        beneath=beneath,
        texts=texts,
        conversations=AgentCoreConversations(beneath.conversations, texts),
        forgotten=AgentCoreForgotten(beneath.forgotten, texts),
        turns=AgentCoreTurns(beneath.turns, texts),
    )


def eraser(memory: str, *, region: str) -> AgentCoreEraser:
    """Erases in this memory (its id or ARN), which an agent writes. Nothing is asked of it yet."""
    return AgentCoreEraser(_texts(memory, region))


def _texts(memory: str, region: str) -> Texts:
    bounds = Config(
        retries={"mode": "standard", "total_max_attempts": TRIES},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=THREADS,
    )
    client = botocore.session.get_session().create_client("bedrock-agentcore", region_name=region, config=bounds)
    return Texts(client, memory)
