"""A runtime in front of another that also erases, with a session's state, what its agent kept in the memories.

The memories belong to the agent door and the names under which agents keep sessions to the runtime: they meet here.
"""

from doorward.model.agent import AgentCall, AgentReply
from doorward.model.principals import Principal
from doorward.ports.agent import Runtime
from doorward.ports.memory import MemoryEraser
from doorward.runtime.sessions import SessionKey, owner_of


class ErasingRuntime:
    """Fulfils `ports.agent.Runtime`.

    INVARIANT: what a user deletes is gone from the memories too, where an agent keeps it under the user's key as the
    actor and the session id that it was given, as hosted graphs and our examples do. Under names that an agent makes up
    it stays until it expires.
    """

    def __init__(self, runtime: Runtime, memory: MemoryEraser) -> None:
        self._runtime = runtime
        self._memory = memory

    async def run(self, agent: str, caller: Principal, call: AgentCall) -> AgentReply:
        return await self._runtime.run(agent, caller, call)

    async def resume(self, agent: str, caller: Principal, session_id: str) -> AgentReply:
        return await self._runtime.resume(agent, caller, session_id)

    async def stop(self, agent: str, caller: Principal, session_id: str) -> bool:
        return await self._runtime.stop(agent, caller, session_id)

    async def forget(self, agent: str, caller: Principal, session_id: str) -> None:
        await self._runtime.forget(agent, caller, session_id)
        key = SessionKey(owner_of(caller), agent, session_id)
        await self._memory.forget(key.owner, key.visible_id)

    async def ready(self) -> bool:
        return await self._runtime.ready()
