"""An agent door with memories on a loopback port, in a thread of its own, for clients that are not asynchronous: boto3
and what is built on it. They are told where it is by environment variables alone."""

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from tests.unit.agent_door.doors import World, served

from doorward.agent_door.checks.signature import WorkloadKey
from doorward.agent_door.guard import AgentDoor
from doorward.identity.sigv4 import Credentials
from doorward.model.principals import Workload
from doorward.model.secret import Secret
from doorward.model.settings import MemorySettings

T = TypeVar("T")

MEMORY = "hello-0123456789"
OTHER = "other-0123456789"
GONE = "gone-0123456789"
ARN = f"arn:aws:bedrock-agentcore:us-east-1:000000000000:memory/{MEMORY}"

AGENT = Credentials("AKAGENT0000000000001", Secret("the agent's secret"))
READER = Credentials("AKREADER000000000001", Secret("the reader's secret"))
STRANGER = Credentials("AKSTRANGER0000000001", Secret("the stranger's secret"))


class MemoryHouse:
    """The running door; `environment` is what a client needs."""

    def __init__(self, world: World, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.world = world
        self.url = url
        self._loop = loop

    def environment(self, key: Credentials = AGENT) -> dict[str, str]:
        """An execution role's key, and where AgentCore is: nothing else."""
        return {
            "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": key.key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret.reveal(),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, key: Credentials = AGENT) -> Any:
        """boto3's own, of this key; without attempts of its own, so that each answer is seen."""
        return boto3.client(
            "bedrock-agentcore",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=key.key_id,
            aws_secret_access_key=key.secret.reveal(),
            config=Config(retries={"total_max_attempts": 1}),
        )

    def run(self, work: Awaitable[T]) -> T:
        """Run this in the door's own event loop."""

        async def awaited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(timeout=30)


def _granted(world: World) -> None:
    both, readable = frozenset({MEMORY, GONE}), frozenset({MEMORY})
    world.memory_keys = [
        WorkloadKey(
            Workload(key_id=AGENT.key_id, name="agent", may_read_memory=both, may_write_memory=both), AGENT.secret
        ),
        WorkloadKey(Workload(key_id=READER.key_id, name="reader", may_read_memory=readable), READER.secret),
        WorkloadKey(
            Workload(key_id=STRANGER.key_id, name="stranger", may_invoke=frozenset({"hello"}), may_operate=True),
            STRANGER.secret,
        ),
    ]


@contextlib.contextmanager
def memory_house(folder: Path, *, users: bool = False, **settings: Any) -> Iterator[MemoryHouse]:
    """A door of workloads, or of users, with two memories. `settings` are those of the first memory."""
    ready = threading.Event()
    stopping: list[asyncio.Event] = []
    built: list[MemoryHouse] = []
    agent_settings = {name: settings.pop(name) for name in ("memory_requests",) if name in settings}

    folder.mkdir(exist_ok=True)

    async def serve() -> None:
        world = World(folder, **agent_settings)
        _granted(world)
        world.memories = (MemorySettings(id=MEMORY, **settings), MemorySettings(id=OTHER))
        door: AgentDoor = world.user_door() if users else world.workload_door()
        try:
            async with served(door) as url:
                stopping.append(asyncio.Event())
                built.append(MemoryHouse(world, url, asyncio.get_running_loop()))
                ready.set()
                await stopping[0].wait()
        finally:
            world.close()

    loop = asyncio.new_event_loop()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30)
        assert built, "the door did not open"
        yield built[0]
    finally:
        if stopping:
            loop.call_soon_threadsafe(stopping[0].set)
        thread.join(30)
        loop.close()
