"""Calls to an agent in the name of a user: the turn token, the payload, the bound on time. Used by chat and relay.

The user's own token is never part of it: who the user is travels in a turn token for that one agent.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace

from doorward.errors import AgentFailed, DoorwardError
from doorward.model.agent import AgentCall, AgentReply
from doorward.model.chunks import close_chunks
from doorward.model.principals import TurnIdentity, User
from doorward.model.secret import Secret
from doorward.ports.agent import Agent
from doorward.ports.clock import Clock
from doorward.ports.identity import TurnTokens
from doorward.services.silence import Unsilent, in_time

log = structlog.get_logger()

HANG_UP_SECONDS = 0.5


class Errand(Struct, frozen=True, kw_only=True):
    """What one call is for. `agent` is its ARN, `payload` any JSON object, `keep` as in `AgentCall`."""

    user: User
    agent: str
    session_id: str
    turn_id: str
    payload: dict[str, str]
    request_id: str
    accept: str = "text/event-stream"
    keep: float = 0.0


class InvokerOptions(Struct, frozen=True, kw_only=True):
    """`actor` is who calls. `token_ttl` is in seconds and covers the whole turn; an agent that was silent for
    `stall_timeout` seconds is given up. With `private_sessions`, the agent's side knows each session by a name that is
    made of its user and its id."""

    actor: str
    token_ttl: float
    stall_timeout: float = 300.0
    private_sessions: bool = False


class Invoker:
    """Mints a turn token for each call and makes it.

    Raises what `Agent.invoke` raises, and `AgentFailed` for an answer with an HTTP status of 400 or more.
    """

    def __init__(self, agent: Agent, turn_tokens: TurnTokens, options: InvokerOptions, clock: Clock) -> None:
        self._agent = agent
        self._turn_tokens = turn_tokens
        self._options = options
        self._clock = clock

    async def invoke(self, errand: Errand) -> AgentReply:
        """Make the call. The caller closes the reply with `hang_up`."""
        asking = self._agent.invoke(
            AgentCall(
                agent=errand.agent,
                session_id=self._session(errand),
                payload=msgspec.json.encode(errand.payload),
                accept=errand.accept,
                user_id=errand.user.key,
                turn_token=self._token(errand),
                request_id=errand.request_id,
                keep=errand.keep,
            )
        )
        return await self._heard(await in_time(asking, self._options.stall_timeout))

    async def resume(self, errand: Errand) -> AgentReply:
        """The answer of a call that was made with `keep`, told again from its first byte. Runs nothing."""
        reply = await self._agent.resume(
            errand.agent, self._session(errand), user_id=errand.user.key, turn_token=self._token(errand)
        )
        return await self._heard(reply)

    async def stop(self, errand: Errand) -> None:
        """Tell the agent's side that nobody waits for this call any longer."""
        await self._agent.stop(
            errand.agent, self._session(errand), user_id=errand.user.key, turn_token=self._token(errand)
        )

    async def forget(self, errand: Errand) -> None:
        """Have the agent's side forget all that it keeps of this session."""
        await self._agent.forget(
            errand.agent, self._session(errand), user_id=errand.user.key, turn_token=self._token(errand)
        )

    async def _heard(self, reply: AgentReply) -> AgentReply:
        if reply.status >= 400:
            await hang_up(reply.chunks)
            raise AgentFailed("The agent reported an error.")
        return replace(reply, chunks=Unsilent(reply.chunks, self._options.stall_timeout))

    def _session(self, errand: Errand) -> str:
        """INVARIANT: where the agent's side does not keep users apart (AgentCore: "does not enforce session-to-user
        mappings"), two users' sessions of one id are two sessions there (AP-SES-02). 64 characters."""
        if not self._options.private_sessions:
            return errand.session_id
        return hashlib.sha256(f"{errand.user.key}/{errand.session_id}".encode()).hexdigest()

    def _token(self, errand: Errand) -> Secret:
        identity = TurnIdentity(
            issuer=errand.user.issuer,
            subject=errand.user.subject,
            actor=self._options.actor,
            session_id=self._session(errand),
            turn_id=errand.turn_id,
            audience=errand.agent,
            expires_at=self._clock() + self._options.token_ttl,
        )
        return Secret(self._turn_tokens.mint(identity))


async def hang_up(chunks: AsyncIterator[bytes]) -> None:
    """Close an answer, read to its end or not. Never raises and never takes long: the answer is of no more use."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HANG_UP_SECONDS):
            try:
                await close_chunks(chunks)
            except DoorwardError as error:
                log.debug("agent_answer_closed_badly", code=error.code)
