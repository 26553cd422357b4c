"""What is AgentCore Memory's own in the engine that keeps texts there; the suites beside this one run on it too."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest
from tests.contract.building import ANNA, BORIS, MovableClock, new_turn, result_of, whole_turn
from tests.contract.memory import kept, said, with_memory
from tests.unit.agent_door.memory_house import GONE, MemoryHouse, memory_house

from doorward.errors import Conflict, StoreUnavailable
from doorward.model.chat import MessageStatus
from doorward.model.principals import User
from doorward.ports.functions import OpenedStores

pytestmark = pytest.mark.anyio

SECRET = "marzipan-and-nougat"


def holds(folder: Path, text: bytes) -> bool:
    """Whether a file of the store beneath has it."""
    return any(text in file.read_bytes() for file in folder.glob("gateway.db*"))


async def test_messages_are_events_of_their_user_and_conversation_and_the_store_has_no_text(
    house: MemoryHouse, stores: OpenedStores, tmp_path: Path
) -> None:
    turn = await whole_turn(stores.turns, message=f"Is there {SECRET}?", answer=f"There is {SECRET}.")

    events = await asyncio.to_thread(kept, house)
    assert said(events) == [("USER", f"Is there {SECRET}?"), ("ASSISTANT", f"There is {SECRET}.")]
    assert [event["metadata"]["messageId"]["stringValue"] for event in events] == [
        turn.message_id,
        turn.message_id.replace("question", "answer"),
    ]
    assert events[0]["eventTimestamp"] == dt.datetime.fromtimestamp(turn.at, dt.UTC)
    assert await asyncio.to_thread(kept, house, BORIS) == []
    assert await asyncio.to_thread(holds, tmp_path, turn.message_id.encode())
    assert not await asyncio.to_thread(holds, tmp_path, SECRET.encode())


async def test_a_turn_that_is_refused_leaves_no_text(house: MemoryHouse, stores: OpenedStores) -> None:
    await stores.turns.begin(new_turn(message="the one"))
    for _ in range(3):
        with pytest.raises(Conflict):
            await stores.turns.begin(new_turn(message="refused"))

    assert said(await asyncio.to_thread(kept, house)) == [("USER", "the one")]


async def test_another_process_can_end_a_turn(
    house: MemoryHouse, stores: OpenedStores, tmp_path: Path, clock: MovableClock
) -> None:
    turn = new_turn(message="begun here")
    await stores.turns.begin(turn)
    other = with_memory(house, tmp_path, clock)
    try:
        (left,) = await other.turns.open_turns()
        assert left.message == "begun here"
        await other.turns.finish(result_of(turn, content="ended there"))
    finally:
        await asyncio.to_thread(other.close)

    page = await stores.conversations.messages(ANNA, "first", limit=9, cursor=None)
    assert [message.content for message in page.items] == ["begun here", "ended there"]


async def test_a_text_of_any_length_comes_back_whole(stores: OpenedStores) -> None:
    long = "Ünïcode 天気 " * 30_000
    await whole_turn(stores.turns, answer=long)

    page = await stores.conversations.messages(ANNA, "first", limit=9, cursor=None)
    assert page.items[1].content == long


async def test_a_long_conversation_is_read_in_few_calls(stores: OpenedStores) -> None:
    for number in range(15):
        await whole_turn(stores.turns, message=f"q{number}", answer=f"a{number}")

    page = await stores.conversations.messages(ANNA, "first", limit=100, cursor=None)
    assert [message.content for message in page.items] == [
        text for number in range(15) for text in (f"q{number}", f"a{number}")
    ]


async def test_a_text_that_has_expired_is_shown_as_cut_short(house: MemoryHouse, stores: OpenedStores) -> None:
    await whole_turn(stores.turns)
    later = house.world.clock() + 91 * 86400
    house.world.memory._clock = lambda: later

    page = await stores.conversations.messages(ANNA, "first", limit=9, cursor=None)
    assert [(message.content, message.status) for message in page.items] == [("", MessageStatus.PARTIAL)] * 2


async def test_a_deleted_conversation_is_forgotten_there_before_its_id_can_be_begun_anew(
    house: MemoryHouse, stores: OpenedStores
) -> None:
    anna = User(issuer="https://issuer", subject="anna", username="anna")
    await whole_turn(stores.turns, owner=anna.key)
    assert await stores.conversations.delete(anna.key, "first", user=anna)
    with pytest.raises(Conflict) as caught:
        await stores.turns.begin(new_turn(owner=anna.key))
    assert caught.value.code == "conversation_deleting"

    (pending,) = await stores.forgotten.pending(limit=9)
    await stores.forgotten.done(anna.key, pending.session_id)

    assert await asyncio.to_thread(kept, house, anna.key) == []
    await stores.turns.begin(new_turn(owner=anna.key))


async def test_without_the_memory_nothing_begins_and_nothing_looks_empty(tmp_path: Path, clock: MovableClock) -> None:
    with memory_house(tmp_path / "memory_of_its_own") as house:
        stores = with_memory(house, tmp_path, clock)
        await whole_turn(stores.turns)
        await asyncio.to_thread(house.run, asyncio.to_thread(house.world.database.close))
        for question in (
            stores.conversations.messages(ANNA, "first", limit=9, cursor=None),
            stores.conversations.search(ANNA, "noon", limit=9, cursor=None),
            stores.turns.begin(new_turn()),
        ):
            with pytest.raises(StoreUnavailable):
                await question
        conversation = await stores.conversations.get(ANNA, "first")
        assert conversation is not None
        assert conversation.message_count == 2
        await asyncio.to_thread(stores.close)


async def test_a_memory_that_is_not_there_is_no_defect_of_the_house(
    house: MemoryHouse, tmp_path: Path, clock: MovableClock
) -> None:
    stores = with_memory(house, tmp_path, clock, GONE)
    with pytest.raises(StoreUnavailable) as caught:
        await stores.turns.begin(new_turn())
    assert caught.value.code == "store_unavailable"
    await asyncio.to_thread(stores.close)


async def test_a_memory_that_throttles_says_so(tmp_path: Path, clock: MovableClock) -> None:
    with memory_house(tmp_path / "memory_of_its_own", memory_requests=1) as house:
        stores = with_memory(house, tmp_path, clock)
        await stores.turns.begin(new_turn("one"))
        with pytest.raises(StoreUnavailable) as caught:
            await stores.turns.begin(new_turn("two"))
        assert caught.value.code == "store_throttled"
        await asyncio.to_thread(stores.close)
