"""Erases what an agent keeps of its users in one AgentCore Memory. Reads nothing of it."""

from doorward.stores.agentcore.texts import Place, Texts


class AgentCoreEraser:
    """Fulfils `ports.memory.OpenedEraser` for one memory, and erases also the sessions of that actor whose names begin
    with the session's and a hyphen: what our container keeps of subgraphs, and an agent of its own by such names.

    Only for sessions of which no other one's name can begin so, as the private ones of the services: of one length.
    """

    def __init__(self, texts: Texts) -> None:
        self._texts = texts

    async def forget(self, actor: str, session: str) -> None:
        await self._texts.erase(Place(actor, session))
        for name in await self._texts.sessions(actor):
            if name.startswith(f"{session}-"):
                await self._texts.erase(Place(actor, name))

    def close(self) -> None:
        self._texts.close()
