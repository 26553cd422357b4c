"""What the engine of texts asks of AgentCore Memory, counted in between, and what it leaves there."""

import asyncio
from pathlib import Path

import pytest
import structlog
from tests.contract.between import refusal
from tests.contract.building import ANNA, MovableClock, new_turn, result_of, whole_turn
from tests.contract.memory import kept, said, watched_memory
from tests.unit.agent_door.memory_house import MemoryHouse

from doorward.errors import Conflict
from doorward.model.chat import Idempotency
from doorward.ports.functions import OpenedStores

pytestmark = pytest.mark.anyio


async def sixty_turns(stores: OpenedStores) -> None:
    """q0 and a0 to q59 and a59."""
    for number in range(60):
        await whole_turn(stores.turns, message=f"q{number}", answer=f"a{number}", at=1000.0 + number)


async def test_a_short_page_is_asked_for_text_by_text_and_a_long_one_by_lists(
    house: MemoryHouse, tmp_path: Path, clock: MovableClock
) -> None:
    """However much an agent keeps beside them, a short page costs its own texts only."""
    with watched_memory(house, tmp_path, clock) as (stores, place):
        await sixty_turns(stores)
        read = stores.conversations.messages
        calls = {}
        for limit in (10, 40, 120):
            place.forget()
            page = await read(ANNA, "first", limit=limit, cursor=None, newest_first=True)
            assert [message.content for message in page.items][-1] == "a59"
            calls[limit] = dict(place.calls)

    assert calls == {10: {"GetEvent": 10}, 40: {"ListEvents": 1}, 120: {"ListEvents": 2}}


async def test_a_page_that_lies_behind_the_newest_is_read_whole(
    house: MemoryHouse, tmp_path: Path, clock: MovableClock
) -> None:
    with watched_memory(house, tmp_path, clock) as (stores, place):
        await sixty_turns(stores)
        place.forget()
        page = await stores.conversations.messages(ANNA, "first", limit=30, cursor=None)

    assert [message.content for message in page.items][::2] == [f"q{number}" for number in range(15)]
    # Twenty of this page are older than the newest hundred: each is asked for by itself.
    assert place.calls == {"ListEvents": 1, "GetEvent": 20}


async def test_an_equal_send_leaves_one_text(house: MemoryHouse, tmp_path: Path, clock: MovableClock) -> None:
    with watched_memory(house, tmp_path, clock) as (stores, place):
        equal = Idempotency(key=b"once", body=b"the same", expires_at=clock.now + 86400)
        first = await stores.turns.begin(new_turn(message="Hello", idempotency=equal))
        again = await stores.turns.begin(new_turn(message="Hello", idempotency=equal))

        assert again.id == first.id
        assert place.calls == {"CreateEvent": 2, "DeleteEvent": 1}
        assert said(await asyncio.to_thread(kept, house)) == [("USER", "Hello")]


async def test_a_refused_turn_says_why_though_its_text_cannot_be_taken_back(
    house: MemoryHouse, tmp_path: Path, clock: MovableClock
) -> None:
    """The text is of no effect: nothing leads to it, and it goes with its conversation."""
    with watched_memory(house, tmp_path, clock) as (stores, place):
        running = new_turn(message="the one")
        await stores.turns.begin(running)
        status, error = refusal("AccessDeniedException")
        place.answer = lambda operation, _: (status, error) if operation == "DeleteEvent" else None
        with structlog.testing.capture_logs() as logs, pytest.raises(Conflict) as caught:
            await stores.turns.begin(new_turn(message="refused"))
        assert caught.value.code == "turn_active"
        assert [(line["event"], line.get("code")) for line in logs] == [
            ("memory_refused", None),
            ("text_left_behind", "store_unavailable"),
        ]
        place.answer = lambda _operation, _body: None
        await stores.turns.finish(result_of(running))
        assert await stores.conversations.delete(ANNA, "first")
        assert await asyncio.to_thread(kept, house) == []
