"""The agent's side forgets what a user deletes, also when it could not be reached at first."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.unit.services.house import AGENT, ANNA, House, opened

from doorward.errors import AgentTimeout, StoreUnavailable
from doorward.model.chat import Forgotten
from doorward.ports.conversations import ForgottenStore
from doorward.services.chat import forgetting
from doorward.services.chat.forgetting import Forgetting, forget_pending

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def working(house: House) -> AsyncIterator[None]:
    worker = Forgetting(house.stores.forgotten, house.invoker, AGENT, time.time)
    try:
        yield
    finally:
        await worker.close()


async def until_nothing_is_pending(house: House) -> None:
    async with asyncio.timeout(10):
        while await house.stores.forgotten.pending(limit=1):  # noqa: ASYNC110  bounded; the store is what is watched
            await asyncio.sleep(0.01)


async def deleted(house: House) -> str:
    started = await house.chat.start(ANNA, "my name is Ada", session_id=None, request_id="r")
    await house.chat.answer(ANNA, started.turn_id)
    await house.conversations.delete(ANNA, started.session_id)
    return started.session_id


async def test_the_agent_is_told_in_the_name_of_the_user(tmp_path: Path) -> None:
    async with opened(tmp_path) as house, working(house):
        session_id = await deleted(house)
        await until_nothing_is_pending(house)
        assert house.agent.forgotten == [(AGENT, session_id, ANNA.key)]


async def test_what_could_not_be_told_is_told_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forgetting, "AFTER_A_FAILURE", 0.01)
    async with opened(tmp_path) as house:
        house.agent.deaf = True
        session_id = await deleted(house)
        async with working(house):
            await asyncio.sleep(0)
            assert await house.stores.forgotten.pending(limit=1)
            house.agent.deaf = False
            await until_nothing_is_pending(house)
        assert house.agent.forgotten == [(AGENT, session_id, ANNA.key)]


class Stuck:
    """The pending ones, of which one cannot be done, or never is."""

    def __init__(self, store: ForgottenStore, session_id: str, *, hangs: bool = False) -> None:
        self._store = store
        self._session_id = session_id
        self._hangs = hangs

    async def pending(self, *, limit: int) -> list[Forgotten]:
        return await self._store.pending(limit=limit)

    async def done(self, owner: str, session_id: str) -> None:
        if session_id == self._session_id:
            if self._hangs:
                await asyncio.Event().wait()
            raise StoreUnavailable("Not this one.")
        await self._store.done(owner, session_id)


async def test_one_that_cannot_be_forgotten_keeps_no_other_one_waiting(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        first, second = await deleted(house), await deleted(house)
        store = Stuck(house.stores.forgotten, first)
        with pytest.raises(StoreUnavailable):
            await forget_pending(store, house.invoker, AGENT, time.time)
        assert [left.session_id for left in await house.stores.forgotten.pending(limit=9)] == [first]
        assert {session_id for _, session_id, _ in house.agent.forgotten} == {first, second}


async def test_one_that_takes_too_long_keeps_no_other_one_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "ONE_SECONDS", 0.2)
    async with opened(tmp_path) as house:
        first, second = await deleted(house), await deleted(house)
        store = Stuck(house.stores.forgotten, first, hangs=True)
        with pytest.raises(AgentTimeout):
            await forget_pending(store, house.invoker, AGENT, time.time)
        assert [left.session_id for left in await house.stores.forgotten.pending(limit=9)] == [first]
        assert {session_id for _, session_id, _ in house.agent.forgotten} == {first, second}


async def test_a_round_that_has_no_time_left_begins_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await deleted(house)
        assert await forget_pending(house.stores.forgotten, house.invoker, AGENT, time.time, within=0.0) == 0
        assert house.agent.forgotten == []
        assert len(await house.stores.forgotten.pending(limit=9)) == 1
