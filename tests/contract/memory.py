"""AgentCore Memory for the suites: our own data plane over HTTP, the engine over it, and what is kept there."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.contract.between import Between, between, memory_operation
from tests.contract.building import ANNA, MovableClock
from tests.unit.agent_door.memory_house import MEMORY, MemoryHouse

from doorward.ports.functions import OpenedStores
from doorward.stores.agentcore.open import over
from doorward.stores.sqlite.open import open_gateway


def with_memory(
    house: MemoryHouse, folder: Path, clock: MovableClock, memory: str = MEMORY, *, url: str | None = None
) -> OpenedStores:
    """SQLite with the texts of messages in AgentCore Memory, which is asked at `url` when it is given."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in house.environment().items():
            environment.setenv(name, value)
        if url is not None:
            environment.setenv("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE", url)
        return over(open_gateway(folder / "gateway.db", clock=clock), memory, region="us-east-1")


@contextmanager
def watched_memory(house: MemoryHouse, folder: Path, clock: MovableClock) -> Iterator[tuple[OpenedStores, Between]]:
    """The same, and what goes to and fro."""
    with between(house.url, memory_operation) as (url, place):
        stores = with_memory(house, folder, clock, url=url)
        yield stores, place
        stores.close()


def kept(house: MemoryHouse, owner: str = ANNA, session: str = "first") -> list[dict[str, Any]]:
    """The events, the oldest first."""
    client = house.client()
    events = client.list_events(memoryId=MEMORY, actorId=owner, sessionId=session, maxResults=100)["events"]
    client.close()
    return [*reversed(events)]


def said(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Who said what."""
    items = [event["payload"][0]["conversational"] for event in events]
    return [(item["role"], item["content"]["text"]) for item in items]
