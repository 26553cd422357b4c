"""What an operator does at the runtime: see the sessions, end one, stop an agent and let it run again."""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from doorward.errors import NotFound
from doorward.model.agent import AgentState, LiveSession, RuntimeState
from doorward.runtime.sessions import Invocations, SessionKey
from doorward.runtime.switch import Switch
from doorward.runtime.workers import Workers


class RuntimeOperations:
    """Fulfils `ports.agent.Operations` for the one `agent` that is hosted. `workers` gives its processes."""

    def __init__(
        self, agent: str, invocations: Invocations, switch: Switch, workers: Callable[[], Workers | None]
    ) -> None:
        self._agent = agent
        self._invocations = invocations
        self._switch = switch
        self._workers = workers
        self._turning = asyncio.Lock()

    async def state(self) -> RuntimeState:
        workers = self._workers()
        alive = {(one.owner, one.session_id): one for one in (workers.sessions() if workers is not None else [])}
        for invocation in self._invocations.all():
            key = invocation.key
            known = alive.get((key.owner, key.session_id)) or LiveSession(
                owner=key.owner,
                agent=key.agent,
                session_id=key.session_id,
                pid=0,
                started_at=invocation.began_at,
                idle_seconds=0.0,
            )
            alive[key.owner, key.session_id] = replace(known, turn_id=invocation.turn_id)
        sessions = sorted(alive.values(), key=lambda one: one.started_at)
        agents = [AgentState(name=self._agent, stopped_at=self._switch.since(self._agent))]
        return RuntimeState(agents=agents, sessions=sessions)

    async def end_session(self, owner: str, session_id: str) -> bool:
        found = False
        for invocation in self._invocations.all():
            if (invocation.key.owner, invocation.key.session_id) == (owner, session_id):
                invocation.abort("stopped")
                found = True
        workers = self._workers()
        ended = workers is not None and await workers.end(SessionKey(owner, self._agent, session_id))
        return ended or found

    async def stop_agent(self, name: str) -> None:
        self._known(name)
        async with self._turning:
            await self._switch.stop(name)
            for invocation in self._invocations.all():
                invocation.abort("stopped")
            workers = self._workers()
            if workers is not None:
                await workers.close()

    async def allow_agent(self, name: str) -> None:
        self._known(name)
        async with self._turning:
            if self._switch.since(name) is None:
                return
            workers = self._workers()
            if workers is not None:
                await workers.start()
            await self._switch.allow(name)

    def _known(self, name: str) -> None:
        if name != self._agent:
            raise NotFound(f"There is no agent {name}.", code="agent_unknown")
