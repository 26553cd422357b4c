"""What the tests of the services share: the real store, the real turn tokens, and an agent that follows a script."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from doorward.errors import AgentUnreachable, NotFound
from doorward.identity.turn_tokens import SignedTurnTokens
from doorward.model.agent import AgentCall, AgentReply
from doorward.model.chat import Idempotency, NewTurn, OpenTurn, Turn, TurnEvent, TurnResult
from doorward.model.principals import User
from doorward.model.secret import Secret
from doorward.ports.conversations import KeyedTurnStore
from doorward.ports.functions import OpenedStores
from doorward.services.chat.options import ChatOptions
from doorward.services.chat.service import ChatService
from doorward.services.conversations.service import ConversationsService
from doorward.services.invocation import Invoker, InvokerOptions
from doorward.services.metering import Meter
from doorward.stores.sqlite.open import open_gateway

AGENT = "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/hello"
TITLES = "arn:aws:bedrock-agentcore:us-east-1:000000000000:runtime/doorward-titles"
ANNA = User(issuer="https://issuer.test", subject="anna", username="anna")
BEN = User(issuer="https://issuer.test", subject="ben", username="ben")

INVOKER = InvokerOptions(actor="chat", token_ttl=960.0)

Step = bytes | asyncio.Event | BaseException


class Script:
    """An answer: chunks, events to wait for, and errors to raise, in order."""

    def __init__(self, *steps: Step, content_type: str = "text/event-stream", status: int = 200) -> None:
        self.steps = steps
        self.content_type = content_type
        self.status = status
        self.closed = asyncio.Event()

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            for step in self.steps:
                match step:
                    case bytes():
                        yield step
                    case asyncio.Event():
                        await step.wait()
                    case error:
                        raise error
        finally:
            self.closed.set()


def sse(*values: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(value).encode() + b"\n\n" for value in values)


def delta(text: str, message: str = "m1") -> dict[str, str]:
    return {"type": "TEXT_MESSAGE_CONTENT", "messageId": message, "delta": text}


class ScriptedAgent:
    """`ports.agent.Agent` that answers as the test says."""

    def __init__(self) -> None:
        self.calls: list[AgentCall] = []
        self.stopped: list[tuple[str, str, str | None]] = []
        self.forgotten: list[tuple[str, str, str]] = []
        self.resumed: list[tuple[str, str, str]] = []
        self.deaf = False
        self.left: Callable[[], Script | BaseException] = lambda: NotFound("Gone.", code="turn_not_kept")
        self.answer: Callable[[AgentCall], Script | BaseException] = lambda _: Script(sse("ok"))

    async def invoke(self, call: AgentCall) -> AgentReply:
        self.calls.append(call)
        script = self.answer(call)
        if isinstance(script, BaseException):
            raise script
        return AgentReply(
            status=script.status,
            content_type=script.content_type,
            session_id=call.session_id,
            chunks=script.chunks(),
        )

    async def resume(self, agent: str, session_id: str, *, user_id: str, turn_token: Secret) -> AgentReply:
        self.resumed.append((agent, session_id, user_id))
        script = self.left()
        if isinstance(script, BaseException):
            raise script
        return AgentReply(
            status=script.status, content_type=script.content_type, session_id=session_id, chunks=script.chunks()
        )

    async def stop(
        self, agent: str, session_id: str, *, user_id: str | None = None, turn_token: Secret | None = None
    ) -> None:
        self.stopped.append((agent, session_id, user_id))

    async def forget(self, agent: str, session_id: str, *, user_id: str, turn_token: Secret) -> None:
        if self.deaf:
            raise AgentUnreachable("The agent door cannot be reached.")
        self.forgotten.append((agent, session_id, user_id))


class GuardedTurns:
    """`KeyedTurnStore` in front of the real one, with a moment before each write where a test may wait or fail."""

    def __init__(self, turns: KeyedTurnStore) -> None:
        self._turns = turns
        self.before: dict[str, Callable[[], Any]] = {}

    async def _gate(self, name: str) -> None:
        if name in self.before:
            await self.before[name]()

    async def begin(self, turn: NewTurn) -> Turn:
        await self._gate("begin")
        return await self._turns.begin(turn)

    async def keyed(self, owner: str, idempotency: Idempotency, *, at: float) -> Turn | None:
        await self._gate("keyed")
        return await self._turns.keyed(owner, idempotency, at=at)

    async def append_events(self, turn_id: str, events: Sequence[TurnEvent]) -> None:
        await self._gate("append")
        await self._turns.append_events(turn_id, events)

    async def finish(self, result: TurnResult) -> None:
        await self._gate("finish")
        await self._turns.finish(result)

    async def get(self, owner: str, turn_id: str) -> Turn | None:
        return await self._turns.get(owner, turn_id)

    async def events(self, turn_id: str, *, after: int, limit: int) -> list[TurnEvent]:
        return await self._turns.events(turn_id, after=after, limit=limit)

    async def open_turns(self) -> list[OpenTurn]:
        return await self._turns.open_turns()


class House:
    """The services on a real store with a scripted agent."""

    def __init__(self, stores: OpenedStores, options: ChatOptions) -> None:
        self.stores = stores
        self.agent = ScriptedAgent()
        self.turns = GuardedTurns(stores.turns)
        self.tokens = SignedTurnTokens("house", Ed25519PrivateKey.generate(), time.time)
        self.invoker = Invoker(self.agent, self.tokens, INVOKER, time.time)
        self.meter = Meter(options.budget, stores.budgets, time.time, usage=stores.usage)
        options = replace(options, meter=self.meter)
        self.chat = ChatService(self.turns, stores.conversations, self.invoker, options, time.time)
        self.conversations = ConversationsService(stores.conversations)

    def says(self, *steps: Step, **more: Any) -> Script:
        """The agent's next answers, and that script."""
        script = Script(*steps, **more)
        self.agent.answer = lambda _: script
        return script

    async def stored(self, turn_id: str) -> list[TurnEvent]:
        return await self.stores.turns.events(turn_id, after=0, limit=1_000_000)

    async def follow(self, user: User, turn_id: str, after: int = 0) -> list[TurnEvent]:
        async with asyncio.timeout(10):
            return [event async for batch in await self.chat.events(user, turn_id, after=after) for event in batch]

    async def messages(self, session_id: str, user: User = ANNA) -> list[tuple[str, str, str]]:
        page = await self.conversations.read(user, session_id, limit=100, cursor=None, newest_first=False)
        return [(message.role, message.content, message.status) for message in page.items]


@asynccontextmanager
async def opened(folder: Path, **options: Any) -> AsyncIterator[House]:
    stores = open_gateway(folder / "gateway.db")
    house = House(stores, ChatOptions(agent_arn=AGENT, **options))
    try:
        async with asyncio.timeout(20):
            yield house
    finally:
        async with asyncio.timeout(20):
            await house.chat.shutdown(0)
        stores.close()


def kinds(events: list[TurnEvent]) -> list[str]:
    return [json.loads(event.data)["type"] for event in events]


def last(events: list[TurnEvent]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(events[-1].data)
    return found
