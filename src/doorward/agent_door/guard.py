"""The agent door: an ordered list of checks in front of the runtime, speaking Bedrock AgentCore's data plane over ASGI.

Served by `compose` in the runtime process. It refuses whatever no check has allowed.
"""

import time
from collections.abc import Iterable, Sequence

import structlog
from msgspec import Struct

from doorward.agent_door.answers import denial_of, json_answer, preflight, refusal
from doorward.agent_door.checks.acting import ActsForUser
from doorward.agent_door.checks.body import Body
from doorward.agent_door.checks.first_use import FirstUse
from doorward.agent_door.checks.host import Host
from doorward.agent_door.checks.limits import Limits
from doorward.agent_door.checks.may_invoke import MayInvoke
from doorward.agent_door.checks.minting import MintsTurn
from doorward.agent_door.checks.one_place import OnePlace
from doorward.agent_door.checks.origin import Origin
from doorward.agent_door.checks.recorded import Recorded
from doorward.agent_door.checks.request_id import RequestId
from doorward.agent_door.checks.route import Route
from doorward.agent_door.checks.session import Session
from doorward.agent_door.checks.signature import Signature, WorkloadKey
from doorward.agent_door.checks.signed_head import SignedHead
from doorward.agent_door.checks.user_token import UserToken
from doorward.agent_door.entries import DOOR, entry_for
from doorward.agent_door.hand_over import HandOver, send_whole
from doorward.agent_door.memory.door import MemoryParts, memories_of
from doorward.agent_door.visit import Check, Operation, Visit
from doorward.errors import DoorwardError, StoreUnavailable
from doorward.http.addresses import bucket
from doorward.http.asgi import Message, Receive, Scope, Send
from doorward.http.limiter import RateLimiter
from doorward.http.request import ClientGone, Request
from doorward.http.response import Response
from doorward.model.settings import AgentSettings
from doorward.model.verdicts import Allow, Deny
from doorward.ports.agent import Operations, ReplayStore, Runtime
from doorward.ports.clock import Clock
from doorward.ports.identity import TokenVerifier, TurnTokens
from doorward.ports.ledger import Ledger
from doorward.telemetry.metrics import count_verdict, observe_request

_log = structlog.get_logger()
_TURN_TOKEN_GRACE = 60.0
# Refusals of callers who proved nothing that are recorded and logged, per address and window (seconds).
_STRANGERS = 3000
_STRANGERS_WINDOW = 60.0


class Parts(Struct, frozen=True, kw_only=True):
    """What both kinds of agent door are made of. `agents` are the names that the runtime hosts. Without `operations`
    nobody can operate it; without `memory` there is none to be read or written."""

    settings: AgentSettings
    agents: frozenset[str]
    runtime: Runtime
    operations: Operations | None = None
    memory: MemoryParts | None = None
    ledger: Ledger
    turn_tokens: TurnTokens
    clock: Clock


def workload_door(parts: Parts, *, keys: Iterable[WorkloadKey], replay: ReplayStore) -> "AgentDoor":
    """The door of the patterns `two-doors` and `conversations`: a workload's signature and nothing else opens it."""
    settings = parts.settings
    return AgentDoor(
        parts,
        edge=(
            RequestId(),
            Limits(),
            Host(settings.allowed_hosts),
            Origin(),
            OnePlace(),
            Route(region=settings.region, account=settings.account),
        ),
        checks=(
            SignedHead(region=settings.region, skew=settings.skew, clock=parts.clock),
            Body(settings.max_payload_bytes),
            Signature(keys),
            Session(),
            MayInvoke(parts.agents),
            ActsForUser(parts.turn_tokens),
            FirstUse(replay, parts.ledger, skew=settings.skew, clock=parts.clock),
        ),
    )


def user_door(
    parts: Parts, *, verifier: TokenVerifier, for_users: Iterable[str], origins: Iterable[str] = ()
) -> "AgentDoor":
    """The door of the patterns `direct` and `front-door`: a user's own token opens it, for the agents in `for_users`.

    `origins` are the front door's, in `direct` only, where browsers call.
    """
    settings = parts.settings
    lifetime = settings.turn_timeout + _TURN_TOKEN_GRACE
    return AgentDoor(
        parts,
        edge=(
            RequestId(),
            Limits(),
            Host(settings.allowed_hosts),
            Origin(origins),
            Route(region=settings.region, account=settings.account),
        ),
        checks=(
            UserToken(verifier),
            Body(settings.max_payload_bytes),
            Session(),
            MayInvoke(parts.agents, for_users=for_users),
            MintsTurn(parts.turn_tokens, lifetime=lifetime, clock=parts.clock),
            Recorded(parts.ledger, clock=parts.clock),
        ),
    )


class AgentDoor:
    """An ASGI app. `edge` runs for every request; `checks` for all but health checks, CORS preflights and the
    operations of Memory, which have a list of their own."""

    def __init__(self, parts: Parts, *, edge: Sequence[Check], checks: Sequence[Check]) -> None:
        self._edge = edge
        self._checks = checks
        self._ledger = parts.ledger
        self._clock = parts.clock
        self._runtime = parts.runtime
        settings = parts.settings
        memory = parts.memory
        memories = None if memory is None else memories_of(memory, settings, parts.ledger, parts.clock)
        # INVARIANT: without memories this list is empty, so that nobody allows their operations.
        self._memory_checks: Sequence[Check] = () if memories is None else memories.checks
        self._strangers = RateLimiter(_STRANGERS, _STRANGERS_WINDOW)
        self._hand_over = HandOver(
            parts.runtime, parts.operations, memories, max_response_bytes=settings.max_response_bytes
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._measured(Visit(Request(scope, receive)), send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            raise NotImplementedError(scope["type"])  # how an app tells a server that it has no lifespan

    async def _measured(self, visit: Visit, send: Send) -> None:
        started, status = time.perf_counter(), 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._http(visit, observed)
        operation = visit.operation.value if visit.operation else "(unknown)"
        observe_request(DOOR, operation, status, time.perf_counter() - started)

    async def _http(self, visit: Visit, send: Send) -> None:
        try:
            verdict = await self._walk(self._edge, visit)
            if verdict is None and visit.operation in (Operation.PING, Operation.PREFLIGHT):
                await send_whole(send, await self._unguarded(visit))
                return
            if verdict is None:
                checks = self._checks if visit.memory is None else self._memory_checks
                verdict = await self._walk(checks, visit)
            if isinstance(verdict, Allow):
                count_verdict(DOOR, "allow", verdict.reason)
                await self._hand_over.serve(visit, send)
                return
            # INVARIANT: when nobody has allowed it, the answer is no.
            denied = verdict or Deny(code="nobody_allowed", detail="Nothing at this door allows this.")
            await send_whole(send, refusal(visit, self._recorded(visit, denied)))
        except ClientGone:
            _log.info("agent_door_client_gone", request_id=visit.request_id)

    async def _walk(self, checks: Sequence[Check], visit: Visit) -> Allow | Deny | None:
        """The first denial, else the last allowance, else None. An error of ours in a check is a denial."""
        allowed = None
        try:
            for check in checks:
                verdict = await check.check(visit)
                if isinstance(verdict, Deny):
                    return verdict
                if isinstance(verdict, Allow):
                    allowed = verdict
        except DoorwardError as error:
            return denial_of(error)
        return allowed

    def _recorded(self, visit: Visit, denied: Deny) -> Deny:
        count_verdict(DOOR, "deny", denied.code)
        # Strangers are recorded up to a limit for each address: knocking must not fill the disk.
        if visit.principal is None and not self._strangers.admit(bucket(visit.request.peer)).admitted:
            return denied
        _log.debug("agent_door_denied", code=denied.code, request_id=visit.request_id)
        try:
            self._ledger.enqueue(entry_for(visit, verdict="deny", code=denied.code, at=self._clock()))
        except StoreUnavailable as error:
            return denial_of(error)
        return denied

    async def _unguarded(self, visit: Visit) -> Response:
        if visit.operation is Operation.PREFLIGHT:
            return preflight(visit)
        if await self._runtime.ready():
            return json_answer(visit, {"status": "Healthy"})
        return refusal(visit, Deny(code="agent_unreachable", detail="No agent can be run at the moment.", status=503))
