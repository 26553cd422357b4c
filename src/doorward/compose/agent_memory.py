"""What an agent on AgentCore keeps in its memory (``agent.memory``) goes with the conversation that a user deletes.

AgentCore stops a session when it is told to, and erases nothing: its memories know no sessions of a runtime.
"""

from collections.abc import Callable

from doorward.compose.memory_engine import memory_engine
from doorward.errors import ConfigurationError
from doorward.model.agent import AgentCall, AgentReply
from doorward.model.secret import Secret
from doorward.model.settings import Settings
from doorward.ports.agent import Agent
from doorward.ports.memory import OpenedEraser


class ErasingAgent:
    """Fulfils `ports.agent.Agent`, in front of another. `open_memory` is asked when something is to be erased for the
    first time: most processes never erase.

    INVARIANT: a session is stopped before it is erased, and one that could not be stopped is neither erased nor said to
    be. The names are those under which our container has graphs keep their state: the user's key is the actor, the
    session id on the wire the session.
    """

    def __init__(self, agent: Agent, open_memory: Callable[[], OpenedEraser]) -> None:
        self._agent = agent
        self._open_memory = open_memory
        self._memory: OpenedEraser | None = None

    async def invoke(self, call: AgentCall) -> AgentReply:
        return await self._agent.invoke(call)

    async def resume(self, agent: str, session_id: str, *, user_id: str, turn_token: Secret) -> AgentReply:
        return await self._agent.resume(agent, session_id, user_id=user_id, turn_token=turn_token)

    async def stop(
        self, agent: str, session_id: str, *, user_id: str | None = None, turn_token: Secret | None = None
    ) -> None:
        await self._agent.stop(agent, session_id, user_id=user_id, turn_token=turn_token)

    async def forget(self, agent: str, session_id: str, *, user_id: str, turn_token: Secret) -> None:
        await self._agent.forget(agent, session_id, user_id=user_id, turn_token=turn_token)
        if self._memory is None:
            self._memory = self._open_memory()
        await self._memory.forget(user_id, session_id)

    def close(self) -> None:
        """Close the memory, where it was opened. The agent in front of which it stands is left as it is."""
        if self._memory is not None:
            self._memory.close()


def memory_of_agent(settings: Settings) -> Callable[[], OpenedEraser] | None:
    """Opens the memory in which the agent keeps its checkpoints; None where it has none.

    `ConfigurationError` (``memory_shared``) when it is that of the messages too: then whoever reads history could read
    what an agent knows. What comes back raises it (``package_missing``) without botocore.
    """
    memory, messages = settings.agent.memory, settings.chat.memory
    if not memory:
        return None
    if _id(memory) == _id(messages):
        raise ConfigurationError(
            "agent.memory and chat.memory are one memory: give the agent one of its own.", code="memory_shared"
        )

    def opened() -> OpenedEraser:
        return memory_engine("agent.memory").eraser(memory, region=settings.agent.region)  # type: ignore[no-any-return]

    return opened


def _id(memory: str) -> str:
    """Of an id, or an ARN that ends in one."""
    return memory.rpartition("/")[2]
