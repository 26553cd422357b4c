"""The relay function of `two-doors`, with its table and an agent at a real address."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.contract.dynamo import fresh_table, moto

from doorward.compose.function_parts import FunctionHouse
from doorward.compose.lambda_relay import make
from doorward.compose.settings import load
from doorward.http.lambda_runtime import Function, Invocation, Prelude

pytestmark = pytest.mark.anyio


class Answer:
    """`Responder` that keeps what it is told."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.answered = False

    async def begin(self, prelude: Prelude) -> None:
        self.answered, self.status = True, prelude.status_code

    async def write(self, chunk: bytes) -> None:
        self.body += chunk

    async def end(self, failure: str = "") -> None:
        assert not failure


class Agent:
    """The agent's door: what knocked at it, and the end of each call."""

    def __init__(self) -> None:
        self.url = ""
        self.knocked: list[bytes] = []
        self.over = asyncio.Event()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocked.append(await reader.readuntil(b"\r\n\r\n"))
        body = b'{"response": "from the agent", "usage": {"inputTokens": 4000, "outputTokens": 1000}}'
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        await writer.drain()
        writer.close()
        await reader.read()  # the caller has closed its end too
        self.over.set()


@asynccontextmanager
async def agent_door() -> AsyncIterator[Agent]:
    agent = Agent()
    server = await asyncio.start_server(agent.answer, "127.0.0.1", 0)
    agent.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield agent
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A table on moto, and the keys of the function's role."""
    with moto():
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE000000001")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-role")
        yield fresh_table()


def relay(table: str, agent: str, data: Path, **more: object) -> Function:
    """One process of the function."""
    options = {
        "environment": "production",
        "pattern": "two-doors",
        "data": str(data),
        "sign_in.issuer": "https://pool.example",
        "sign_in.client_id": "page",
        "agent.url": agent,
        "functions.table": table,
        "functions.api": "123456789012:a1b2c3d4e5/v1",
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    return make(FunctionHouse(load(environ={}, options=options).settings))


async def asked(function: Function) -> Answer:
    claims = {"iss": "https://pool.example", "sub": "ada", "token_use": "access", "client_id": "page"}
    event = {
        "httpMethod": "POST",
        "path": "/chat",
        "multiValueHeaders": {
            "Host": ["127.0.0.1"],
            "Content-Type": ["application/json"],
            "Authorization": ["Bearer of-the-user"],
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "a1b2c3d4e5",
            "stage": "v1",
            "authorizer": {"claims": claims},
        },
        "body": '{"message": "hello"}',
    }
    answer = Answer()
    invocation = Invocation(id="one", deadline=time.time() + 60, event=json.dumps(event).encode())
    await function(invocation, answer)  # type: ignore[arg-type]
    return answer


async def test_the_relay_hands_no_token_on(table: str, tmp_path: Path) -> None:
    """AP-BYP-01: what knocks at the agent is the function's own key and a turn token."""
    async with agent_door() as agent:
        answer = await asked(relay(table, agent.url, tmp_path))
        async with asyncio.timeout(30):
            await agent.over.wait()
    assert (answer.status, json.loads(answer.body)["response"]) == (200, "from the agent"), answer.body
    (head,) = agent.knocked
    assert b"of-the-user" not in head
    assert b"x-amz-security-token: of-the-role" in head
    assert b"x-amzn-bedrock-agentcore-runtime-user-id: " in head


async def test_all_processes_of_the_function_count_one_users_requests_together(table: str, tmp_path: Path) -> None:
    """AP-LIM-02"""
    async with agent_door() as agent:
        functions = [relay(table, agent.url, tmp_path, front_door__user_requests=2) for _ in range(3)]
        answers = [await asked(function) for function in functions]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert json.loads(answers[2].body)["code"] == "user_limited"


async def test_a_budget_holds_over_all_processes_and_who_is_over_it_does_not_reach_the_agent(
    table: str, tmp_path: Path
) -> None:
    """AP-LIM-03"""
    async with agent_door() as agent:
        functions = [relay(table, agent.url, tmp_path, budget__user_tokens_per_day=9000) for _ in range(2)]
        answers = [await asked(functions[number % 2]) for number in range(4)]
    statuses = [answer.status for answer in answers]
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert json.loads(answers[-1].body)["code"] == "budget_exhausted"
    assert len(agent.knocked) == statuses.count(200)
