"""One request on its way through the agent door: what the checks have found out so far."""

from enum import Enum
from typing import Protocol

from msgspec import Struct

from doorward.http.request import Request
from doorward.identity.sigv4 import Claim
from doorward.model.principals import TurnIdentity, User, Workload
from doorward.model.secret import Secret
from doorward.model.verdicts import Verdict

SESSION_ID = "x-amzn-bedrock-agentcore-runtime-session-id"
USER_ID = "x-amzn-bedrock-agentcore-runtime-user-id"
TURN_TOKEN = "x-amzn-bedrock-agentcore-runtime-custom-turn-token"  # noqa: S105 - the name of a header
# On StopRuntimeSession: also erase what is kept of the session. AgentCore itself passes custom headers on to the agent.
FORGET = "x-amzn-bedrock-agentcore-runtime-custom-forget"
# On InvokeAgentRuntime in a turn's name: for how many seconds the run goes on, and can be resumed, without its caller.
KEEP = "x-amzn-bedrock-agentcore-runtime-custom-keep"
REQUEST_ID = "x-amzn-bedrock-agentcore-runtime-request-id"


class Operation(Enum):
    """What this door can be asked for. Nothing else exists (no commands, no WebSocket)."""

    INVOKE = "InvokeAgentRuntime"
    STOP = "StopRuntimeSession"
    RESUME = "ResumeInvocation"  # ours: AgentCore has no way back into an answer
    STATE = "ListSessions"
    END = "EndSession"
    STOP_AGENT = "StopAgent"
    ALLOW_AGENT = "AllowAgent"
    CREATE_EVENT = "memory:CreateEvent"
    GET_EVENT = "memory:GetEvent"
    LIST_EVENTS = "memory:ListEvents"
    DELETE_EVENT = "memory:DeleteEvent"
    LIST_SESSIONS = "memory:ListSessions"
    LIST_ACTORS = "memory:ListActors"
    PING = "Ping"
    PREFLIGHT = "Preflight"


# Ours, for those who run the house; AgentCore has a control plane for them.
FOR_OPERATORS = frozenset({Operation.STATE, Operation.END, Operation.STOP_AGENT, Operation.ALLOW_AGENT})
# Memory's operations that need the grant to write.
CHANGES_MEMORY = frozenset({Operation.CREATE_EVENT, Operation.DELETE_EVENT})


class MemoryTarget(Struct, frozen=True):
    """What a path of Memory's data plane names: the memory's id (empty: none of this house), and what of it."""

    memory: str
    actor: str
    session: str
    event: str


class Visit:
    """What is known about one request. Each field is set by the check that is named with it, and read by later ones."""

    __slots__ = (
        "agent",
        "arn",
        "body",
        "claim",
        "memory",
        "operation",
        "origin",
        "principal",
        "request",
        "request_id",
        "session_id",
        "turn",
        "turn_token",
    )

    def __init__(self, request: Request) -> None:
        self.request = request
        self.request_id = ""  # request_id
        self.origin: str | None = None  # origin
        self.operation: Operation | None = None  # route
        self.arn = ""  # route; empty when it is not an agent of this house
        self.agent = ""  # route
        self.memory: MemoryTarget | None = None  # route; only for Memory's operations
        self.claim: Claim | None = None  # signed_head
        self.body = b""  # body
        self.principal: Workload | User | None = None  # signature, user_token
        self.session_id = ""  # session
        self.turn: TurnIdentity | None = None  # acting, minting
        self.turn_token: Secret | None = None  # acting, minting

    def header(self, name: str) -> str | None:
        """A request header (name in lower case). None when a signature is there that does not cover it."""
        if self.claim is not None and name not in self.claim.signed:
            return None
        return self.request.headers.get(name)


class Check(Protocol):
    """One question of the door. Answers `Deny`, `Allow`, or None when it has nothing against it."""

    async def check(self, visit: Visit) -> Verdict | None: ...
