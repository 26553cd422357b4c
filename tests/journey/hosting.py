"""A runtime host with real stores and real workers, and what tests ask of it."""

import asyncio
import json
import os
import signal
import textwrap
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from doorward.model.agent import AgentCall, AgentReply
from doorward.model.principals import Principal, User
from doorward.model.secret import Secret
from doorward.model.settings import AgentSettings
from doorward.runtime.host import RuntimeHost
from doorward.stores.sqlite.open import open_runtime

EXAMPLES = Path(__file__).parents[2] / "examples"
SESSION = "0123456789abcdef0123456789abcdef0123"
ANN = User(issuer="https://issuer", subject="ann", username="ann")
BOB = User(issuer="https://issuer", subject="bob", username="bob")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "CANARY": "canary-in-the-environment"}


class Hosted:
    """A running host."""

    def __init__(self, host: RuntimeHost) -> None:
        self.host = host

    async def run(
        self, prompt: object, *, who: Principal = ANN, accept: str = "text/event-stream", session: str = SESSION
    ) -> AgentReply:
        return await self.host.run("hello", who, call({"prompt": prompt}, accept=accept, session=session))

    async def answer(self, prompt: object, *, who: Principal = ANN, session: str = SESSION) -> Any:
        """The events of a stream, or the one value."""
        return await read(await self.run(prompt, who=who, session=session))

    async def text(self, prompt: object, *, who: Principal = ANN) -> str:
        """The text of an answer of one of our own adapters."""
        events = await self.answer(prompt, who=who)
        return "".join(event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT")


def call(payload: object, *, accept: str = "text/event-stream", session: str = SESSION) -> AgentCall:
    """A call with everything set that may not reach the agent."""
    return AgentCall(
        agent="arn",
        session_id=session,
        payload=json.dumps(payload).encode(),
        accept=accept,
        bearer=Secret("canary-bearer"),
        turn_token=Secret("the-turn-token"),
        request_id="request-1",
    )


async def read(reply: AgentReply) -> Any:
    """Everything of an answer."""
    body = b"".join([chunk async for chunk in reply.chunks])
    if reply.content_type == "application/json":
        return json.loads(body)
    blocks = body.decode().split("\n\n")
    assert blocks.pop() == ""
    return [json.loads(block.removeprefix("data: ")) for block in blocks]


async def until(reply: AgentReply, wanted: bytes) -> bytes:
    """Read on until something was seen."""
    seen = b""
    async with asyncio.timeout(20):
        async for chunk in reply.chunks:
            seen += chunk
            if wanted in seen:
                return seen
    raise AssertionError(f"the answer ended without {wanted!r}")


@asynccontextmanager
async def hosted(
    agent: Path | str, folder: Path, *, environment: Mapping[str, str] = ENVIRONMENT, **settings: Any
) -> AsyncIterator[Hosted]:
    """A host of that agent, with one process for all sessions unless `isolation` says otherwise; its store is in
    `folder` and outlives it."""
    settings = {"isolation": "shared"} | settings
    stores = open_runtime(folder / "runtime.db")
    host = RuntimeHost(
        AgentSettings(file=str(agent), **settings),
        checkpoints=stores.checkpoints,
        stopped=stores.stopped_agents,
        environment=environment,
    )
    try:
        await host.start()
        yield Hosted(host)
    finally:
        await host.close()
        await asyncio.to_thread(stores.close)


def written(folder: Path, code: str) -> Path:
    """An agent's file with this code."""
    file = folder / "agent.py"
    file.write_text(textwrap.dedent(code))
    return file


async def eventually(true: Callable[[], bool], *, seconds: float = 5) -> None:
    """Wait for something that another process does."""
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  # another process has no event of ours
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    """Whether it is a process that is neither gone nor waiting to be buried."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def killed(house: Hosted) -> None:
    """Kill the worker as the kernel would, and wait until it has ended: a call in that moment may break off."""
    pid = house.host.worker_pids[0]
    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: pid not in house.host.worker_pids)


def mode_of(path: Path) -> int:
    """The permission bits."""
    return path.stat().st_mode & 0o777
