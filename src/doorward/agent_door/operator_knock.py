"""The operators' side of the agent door: the same knock, with a key that opens these operations and no other."""

from typing import TypeVar

import msgspec
from msgspec import Struct

from doorward.agent_door.knock import Knock, Sending, raise_refusal
from doorward.errors import AgentFailed
from doorward.model.agent import RuntimeState

T = TypeVar("T")

_MAX_BYTES = 16_777_216


class _Ended(Struct):
    ended: bool = False


class OperatorKnock:
    """Fulfils `ports.agent.Operations` over HTTP. `agent` is the ARN of an agent of that runtime."""

    def __init__(self, knock: Knock, agent: str) -> None:
        self._knock = knock
        self._agent = agent

    async def state(self) -> RuntimeState:
        return _read(await self._ask("listsessions", {}), RuntimeState)

    async def end_session(self, owner: str, session_id: str) -> bool:
        return _read(await self._ask("endsession", {"owner": owner, "session_id": session_id}), _Ended).ended

    async def stop_agent(self, name: str) -> None:
        await self._ask("stopagent", {}, name)

    async def allow_agent(self, name: str) -> None:
        await self._ask("allowagent", {}, name)

    async def _ask(self, operation: str, body: dict[str, str], name: str | None = None) -> bytes:
        agent = self._agent if name is None else f"{self._agent.rpartition('/')[0]}/{name}"
        head = [("content-type", "application/json")]
        response = await self._knock.send(
            Sending(self._knock.path_of(agent, operation), head, [], msgspec.json.encode(body))
        )
        if response.status != 200:
            await raise_refusal(response)
        return await response.up_to(_MAX_BYTES)


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.DecodeError:
        raise AgentFailed("The agent door answered with something else.", code="agent_door_garbled") from None
