"""LangGraph's own conformance suite for checkpointers: for ours, over the real state service, and for AgentCore's over
our memory."""

from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph_checkpoint_aws import AgentCoreMemorySaver

from doorward.runtime.breaker import BreakerOptions, ModelBreaker
from doorward.runtime.sessions import Invocations, SessionKey
from doorward.runtime.state import StateApp, StateService
from doorward.runtime.worker.checkpointer import SessionCheckpointer, SessionState
from doorward.runtime.worker.memory_saver import NamedMemorySaver
from doorward.stores.sqlite.open import open_runtime
from tests.unit.agent_door.memory_house import MEMORY, memory_house

pytestmark = pytest.mark.anyio

Factory = Callable[[], AsyncGenerator[BaseCheckpointSaver[str], None]]
# How many checks the suite's release has for each of the capabilities that every checkpointer must have.
BASE = {"put": 17, "put_writes": 10, "get_tuple": 10, "list": 16, "delete_thread": 5}
# What AgentCoreMemorySaver (1.2) fails, over any memory: a task that is tried again has its writes twice, since events
# are only added; and deleting a thread deletes one session, while each namespace has one of its own.
UPSTREAM = {"test_put_writes_idempotent", "test_delete_thread_removes_all_namespaces"}


async def outcome(factory: Factory) -> tuple[dict[str, int], set[str]]:
    """How many checks there were for each capability, and the names of those that failed."""
    report = await validate(checkpointer_test(name=factory.__name__)(factory))
    ran = {name: found.tests_passed + found.tests_failed for name, found in report.results.items() if found.detected}
    failures = [failure for found in report.results.values() for failure in found.failures]
    return ran, {failure.partition(":")[0] for failure in failures}


async def test_ours_conforms(tmp_path: Path) -> None:
    stores, invocations, socket = open_runtime(tmp_path / "runtime.db"), Invocations(), str(tmp_path / "state.sock")
    breaker = ModelBreaker(BreakerOptions(failures=2, pause=60.0, probe_time=60.0))
    service = StateService(StateApp(stores.checkpoints, invocations, breaker), socket)
    await service.start()

    async def ours() -> AsyncGenerator[BaseCheckpointSaver[str], None]:
        invocation = invocations.begin(SessionKey("ann", "hello", "s"), 60)
        state = SessionState(socket)
        async with state.turn(invocation.handle, "thread"):
            yield SessionCheckpointer()
        invocations.end(invocation)
        await state._exchange().close()

    try:
        ran, failed = await outcome(ours)
    finally:
        await service.close()
        stores.close()
    assert failed == set()
    assert ran == BASE


class ForOneActor(AgentCoreMemorySaver):
    """The suite's configurations, which know no actor, are given one; all else is as it is."""

    def get_tuple(self, config: Any) -> Any:
        return super().get_tuple(placed(config))

    def list(self, config: Any, **more: Any) -> Any:
        return super().list(placed(config), **more)

    def put_with_writes(self, config: Any, *rest: Any) -> Any:
        return super().put_with_writes(placed(config), *rest)

    def put_writes(self, config: Any, *rest: Any) -> None:
        super().put_writes(placed(config), *rest)

    async def adelete_thread(self, thread_id: str, actor_id: str = "actor") -> None:
        await super().adelete_thread(thread_id, actor_id)


class Placed(ForOneActor):
    """AgentCore's saver."""


class Named(ForOneActor, NamedMemorySaver):
    """The one of our container."""


def placed(config: Any) -> Any:
    return config and {**config, "configurable": {**config["configurable"], "actor_id": "actor"}}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[None]:
    with memory_house(tmp_path) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment().items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        yield


@pytest.mark.parametrize("saver", [Placed, Named])
async def test_agentcores_over_our_memory_fails_only_what_it_fails_by_itself(
    memory: None, saver: type[AgentCoreMemorySaver]
) -> None:
    async def agentcore() -> AsyncGenerator[BaseCheckpointSaver[str], None]:
        yield saver(MEMORY)

    ran, failed = await outcome(agentcore)
    assert ran == BASE
    assert failed == UPSTREAM
