"""The turns function when it sweeps: what was deleted is forgotten at the agent, by one sweep at a time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.contract.building import whole_turn

from doorward.compose.function_parts import FunctionHouse
from doorward.compose.lambda_turns import make
from doorward.compose.settings import load
from doorward.errors import ConfigurationError
from doorward.http.lambda_runtime import Function, Invocation
from doorward.model.chat import TurnResult
from doorward.model.principals import User
from doorward.services.chat.run import TurnWays
from doorward.services.marked_places import MarkedPlaces

pytestmark = pytest.mark.anyio

ANNA = User(issuer="https://pool.example", subject="anna", username="anna")


class Answer:
    """`Responder` that keeps what it is told."""

    value: object = None

    async def whole(self, value: object) -> None:
        self.value = value


@asynccontextmanager
async def stopping_agent() -> AsyncIterator[tuple[str, list[bytes]]]:
    """AgentCore, as far as a sweep asks it: its address, and the heads of what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE000000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@asynccontextmanager
async def house(data: Path, **more: str) -> AsyncIterator[FunctionHouse]:
    options = {"data": str(data), **{name.replace("__", "."): value for name, value in more.items()}}
    made = FunctionHouse(load(environ={}, options=options).settings)
    yield made
    await asyncio.to_thread(made.close)


async def swept(function: Function) -> object:
    answer = Answer()
    event = Invocation(id="one", deadline=time.time() + 60, event=b'{"sweep": true}')
    await function(event, answer)  # type: ignore[arg-type]
    return answer.value


async def test_while_one_sweep_forgets_another_does_not(keys: None, tmp_path: Path) -> None:
    """It could erase what a conversation that was begun anew under the same id has since."""
    async with stopping_agent() as (url, asked), house(tmp_path, agent__url=url) as parts:
        function = make(parts)
        await whole_turn(parts.stores.turns, "first", owner=ANNA.key)
        await parts.stores.conversations.delete(ANNA.key, "first", user=ANNA)
        places = MarkedPlaces(parts.stores.marks)
        place = await places.take("forgetting", 1, until=time.time() + 60)
        assert place
        assert await swept(function) == {"closed": 0, "forgotten": 0}
        assert asked == []
        await places.give(place)
        assert await swept(function) == {"closed": 0, "forgotten": 1}
        assert len(asked) == 1


async def test_events_are_written_no_more_often_than_anybody_looks(
    keys: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AP-WALLET: each write is a transaction that is paid for."""
    given: list[Callable[[Callable[[TurnResult], None]], TurnWays]] = []
    monkeypatch.setattr("doorward.compose.lambda_turns.HandedRuns", lambda ways, *_: given.append(ways))
    async with house(tmp_path, agent__url="http://127.0.0.1:1") as parts:
        make(parts)
        (ways,) = given
        assert ways(lambda _: None).pace == parts.settings.functions.poll > 0


@pytest.mark.parametrize(
    "memory", ["one-0123456789", "arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/one-0123456789"]
)
async def test_the_memory_of_the_agent_is_not_that_of_the_messages(keys: None, tmp_path: Path, memory: str) -> None:
    settings = {"chat__memory": "one-0123456789", "agent__memory": memory, "agent__url": "http://127.0.0.1:1"}
    async with house(tmp_path, **settings) as parts:
        with pytest.raises(ConfigurationError) as caught:
            make(parts)
        assert caught.value.code == "memory_shared"
