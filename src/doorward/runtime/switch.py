"""The kill switch: agents that an operator has stopped, remembered durably. The host asks it before each call."""

from doorward.errors import AgentUnreachable
from doorward.ports.agent import StoppedAgents
from doorward.ports.clock import Clock


class Switch:
    """INVARIANT: an agent is stopped in the store before it is stopped here, and allowed there before here, so that no
    restart lets one run that was stopped (AP-ROG-01)."""

    def __init__(self, store: StoppedAgents, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._stopped: dict[str, float] = {}

    async def load(self) -> None:
        """Read what an earlier process was told. Raises `StoreUnavailable`: then nothing runs."""
        self._stopped = await self._store.all()

    def since(self, agent: str) -> float | None:
        """When it was stopped, in seconds since 1970; None when it may run."""
        return self._stopped.get(agent)

    def check(self, agent: str) -> None:
        """Raises `AgentUnreachable` (``agent_stopped``)."""
        if agent in self._stopped:
            raise AgentUnreachable("The agent was stopped by an operator.", code="agent_stopped")

    async def stop(self, agent: str) -> None:
        """From now on nothing of it begins."""
        now = self._clock()
        await self._store.add(agent, at=now)
        self._stopped.setdefault(agent, now)

    async def allow(self, agent: str) -> None:
        """It may run again."""
        await self._store.remove(agent)
        self._stopped.pop(agent, None)
