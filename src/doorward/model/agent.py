"""What crosses the agent door, as plain data."""

from collections.abc import AsyncIterator

from msgspec import Struct

from doorward.model.secret import Secret

# Codes that an agent may say of itself: what it came to, in a word of ours. Everything else is ``agent_failed``.
FROM_AGENT = frozenset(
    {
        "agent_failed",
        "agent_timeout",
        "model_answer_too_large",
        "model_failed",
        "model_garbled",
        "model_timeout",
        "model_unavailable",
        "turn_steps_exceeded",
    }
)


class AgentCall(Struct, frozen=True, kw_only=True):
    """One invocation of an agent.

    `agent` is its ARN, `payload` the JSON body, `session_id` 33-100 characters. `user_id` names the user it is for
    (needs the act-for-user grant) and `turn_token` proves it. `bearer` is only set in the patterns `direct` and
    `front-door`, where the user's own token opens the agent door. With `keep`, a call in a turn's name goes on for so
    many seconds when its caller goes away, and its answer can be read again (`Agent.resume`); with 0 it ends at once.
    """

    agent: str
    session_id: str
    payload: bytes
    accept: str = "text/event-stream"
    user_id: str | None = None
    turn_token: Secret | None = None
    bearer: Secret | None = None
    request_id: str = ""
    traceparent: str | None = None
    keep: float = 0.0


class LiveSession(Struct, frozen=True, kw_only=True):
    """A session that has a process of its own. `owner` is the user's key, `started_at` in seconds since 1970;
    `idle_seconds` is 0 while something runs in it, which `turn_id` names."""

    owner: str
    agent: str
    session_id: str
    pid: int
    started_at: float
    idle_seconds: float
    turn_id: str = ""


class AgentState(Struct, frozen=True, kw_only=True):
    """An agent of the runtime; `stopped_at` (seconds since 1970) when an operator has stopped it."""

    name: str
    stopped_at: float | None = None


class RuntimeState(Struct, frozen=True, kw_only=True):
    """What runs in the runtime: its agents, and the sessions of all users."""

    agents: list[AgentState]
    sessions: list[LiveSession]


class AgentReply(Struct, frozen=True, kw_only=True):
    """The answer's head and its body as chunks of bytes, as they arrive. Close `chunks` to hang up."""

    status: int
    content_type: str
    session_id: str
    chunks: AsyncIterator[bytes]
