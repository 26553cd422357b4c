"""Erases what an agent keeps of its users in one AgentCore Memory. Reads nothing of it."""

from doorward.stores.agentcore.texts import Place, Texts


class AgentCoreEraser:
    """Fulfils `ports.memory.OpenedEraser` for one memory."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def forget(self, actor: str, session: str) -> None:
        await self._texts.erase(Place(actor, session))

    def close(self) -> None:
        self._texts.close()
