"""The agent as the services see it, and the runtime as the agent door sees it."""

from typing import Protocol

from doorward.model.agent import AgentCall, AgentReply, RuntimeState
from doorward.model.principals import Principal
from doorward.model.secret import Secret


class Agent(Protocol):
    """The way to the agent. Does not retry what may have run, as a call that was sent may. Fails closed.

    `doorward.agent_door.knock` speaks it over HTTP (Bedrock AgentCore's data plane).
    """

    async def invoke(self, call: AgentCall) -> AgentReply:
        """Run the agent. Raises `AgentUnreachable`, `AgentTimeout`, `Forbidden` (the door refused), `TooManyRequests`,
        `Conflict` (session busy) or `AgentFailed` before the first byte; chunks raise `AgentUnreachable` when the
        stream breaks off."""
        ...

    async def resume(self, agent: str, session_id: str, *, user_id: str, turn_token: Secret) -> AgentReply:
        """The answer of this turn's call, which was made with `keep`, from its first byte on; runs nothing. Raises as
        `invoke`, and `NotFound` (``turn_not_kept``) when nothing is left of it."""
        ...

    async def stop(
        self, agent: str, session_id: str, *, user_id: str | None = None, turn_token: Secret | None = None
    ) -> None:
        """Stop whatever runs in that session. Nothing happens when nothing runs. A user's session is only found with
        the `user_id` and a turn token of that session, as for `invoke`."""
        ...

    async def forget(self, agent: str, session_id: str, *, user_id: str, turn_token: Secret) -> None:
        """Stop that session and erase what is kept of it. Nothing happens when nothing is kept."""
        ...


class Runtime(Protocol):
    """The host of agents behind the agent door. Whoever calls it has been checked. Fails closed."""

    async def run(self, agent: str, caller: Principal, call: AgentCall) -> AgentReply:
        """Hand the call to the worker of this session. `agent` is the agent's name (not the ARN); `caller` decides
        whose state (checkpoints) the session is: (caller, session id), never the session id alone."""
        ...

    async def resume(self, agent: str, caller: Principal, session_id: str) -> AgentReply:
        """The answer of a call of this turn that was run with `keep`, from its first byte on. `NotFound`
        (``turn_not_kept``) when nothing is left of it, and for every caller but that turn."""
        ...

    async def stop(self, agent: str, caller: Principal, session_id: str) -> bool:
        """Cancel what runs in that caller's session; a `TurnIdentity` cancels its own turn alone. False when there was
        nothing."""
        ...

    async def forget(self, agent: str, caller: Principal, session_id: str) -> None:
        """Erase what an agent keeps of that caller's session (its checkpoint)."""
        ...

    async def ready(self) -> bool:
        """Whether agents can be run at this moment."""
        ...


class Operations(Protocol):
    """What an operator does at the runtime, or at its door from afar. Fails closed: what could not be done is an error.

    `doorward.agent_door.operator_knock` speaks it over HTTP.
    """

    async def state(self) -> RuntimeState:
        """The agents, and the sessions of all users, the oldest first."""
        ...

    async def end_session(self, owner: str, session_id: str) -> bool:
        """End what runs in that owner's session, and its process with all that it started. False when there was
        nothing. What is kept of the session stays: its next turn goes on with it."""
        ...

    async def stop_agent(self, name: str) -> None:
        """The kill switch (AP-ROG-01): durable before anything else, then everything of the agent is ended, and no call
        reaches it until `allow_agent`, also over a restart. `NotFound` (``agent_unknown``)."""
        ...

    async def allow_agent(self, name: str) -> None:
        """Let it run again. `NotFound` (``agent_unknown``), `ConfigurationError` when it cannot be loaded any more."""
        ...


class StoppedAgents(Protocol):
    """Agents that an operator has stopped. Fails closed: whoever cannot read it runs nothing."""

    async def all(self) -> dict[str, float]:
        """Their names, and since when."""
        ...

    async def add(self, name: str, *, at: float) -> None:
        """Stopped from now on, durably; one that is stopped stays as it is."""
        ...

    async def remove(self, name: str) -> None:
        """Not stopped any more."""
        ...


class CheckpointStore(Protocol):
    """The state an agent keeps between turns, as bytes it made itself, by (owner, agent, session). Fails closed."""

    async def load(self, owner: str, agent: str, session_id: str) -> bytes | None: ...

    async def save(self, owner: str, agent: str, session_id: str, state: bytes) -> None:
        """Replace it. At most 16 MiB (`InvalidInput`)."""
        ...

    async def delete(self, owner: str, agent: str, session_id: str) -> None: ...


class ReplayStore(Protocol):
    """Signatures that were used. Survives a restart. Fails closed."""

    async def first_use(self, signature: str, *, until: float) -> bool:
        """True exactly once for a signature within its time (`until`, seconds since 1970), durably."""
        ...
