"""The contract of `StoppedAgents`."""

from collections.abc import Callable

import pytest

from doorward.stores.sqlite.open import RuntimeStores

pytestmark = pytest.mark.anyio


async def test_a_stopped_agent_stays_stopped_since_it_was_and_over_a_restart(
    reopen_runtime: Callable[[], RuntimeStores],
) -> None:
    """AP-ROG-01"""
    before = reopen_runtime()
    assert await before.stopped_agents.all() == {}
    await before.stopped_agents.add("hello", at=1000.0)
    await before.stopped_agents.add("hello", at=2000.0)
    before.close()

    after = reopen_runtime()
    try:
        assert await after.stopped_agents.all() == {"hello": 1000.0}
        await after.stopped_agents.remove("hello")
        await after.stopped_agents.remove("another")
        assert await after.stopped_agents.all() == {}
    finally:
        after.close()
