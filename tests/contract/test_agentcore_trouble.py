"""AgentCore Memory when it takes no more, answers late, or two processes end one turn."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from tests.contract.building import ANNA, MovableClock, new_turn, result_of, whole_turn
from tests.contract.memory import kept, said, with_memory
from tests.unit.agent_door.memory_house import MEMORY, MemoryHouse, memory_house

from doorward.errors import Conflict, NotFound, StoreUnavailable, TextRefused
from doorward.model.chat import MessageStatus, OpenTurn, TurnResult, TurnStatus
from doorward.model.principals import User
from doorward.ports.conversations import KeyedTurnStore
from doorward.ports.functions import OpenedStores
from doorward.services.chat.late import finish
from doorward.stores.agentcore.open import AgentCoreStores
from doorward.stores.agentcore.texts import Place, Said, Texts
from doorward.stores.agentcore.turns import AgentCoreTurns

pytestmark = pytest.mark.anyio

USER = User(issuer="https://issuer", subject="anna", username="anna")


class Beneath:
    """The turns beneath, which refuse to be ended a few times and count how often all running ones are asked for."""

    def __init__(self, turns: KeyedTurnStore) -> None:
        self._turns = turns
        self.refusals = 0
        self.listed = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._turns, name)

    async def finish(self, result: TurnResult) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailable("The disk is full.")
        await self._turns.finish(result)

    async def open_turns(self) -> list[OpenTurn]:
        self.listed += 1
        return await self._turns.open_turns()


def over_beneath(stores: OpenedStores) -> tuple[AgentCoreTurns, Beneath]:
    assert isinstance(stores, AgentCoreStores)
    beneath = Beneath(stores.beneath.turns)
    return AgentCoreTurns(beneath, stores.texts), beneath  # type: ignore[arg-type]


async def test_a_late_end_leaves_no_text_of_a_conversation_that_was_deleted(
    house: MemoryHouse, stores: OpenedStores, tmp_path: Path, clock: MovableClock
) -> None:
    turn = new_turn(owner=USER.key)
    await stores.turns.begin(turn)
    other = with_memory(house, tmp_path, clock)  # it closes the turn as lost, and then the user deletes
    await other.turns.finish(result_of(turn, content=""))
    assert await other.conversations.delete(USER.key, "first", user=USER)
    await other.forgotten.done(USER.key, "first")
    await asyncio.to_thread(other.close)
    with pytest.raises(NotFound):
        await stores.turns.finish(result_of(turn, content="the late answer"))
    assert await asyncio.to_thread(kept, house, USER.key) == []


async def test_an_end_that_is_tried_again_or_told_twice_keeps_one_text(
    house: MemoryHouse, stores: OpenedStores, tmp_path: Path, clock: MovableClock
) -> None:
    turns, beneath = over_beneath(stores)
    turn = new_turn()
    await turns.begin(turn)
    beneath.refusals = 3
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await turns.finish(result_of(turn))
    await turns.finish(result_of(turn))
    other = with_memory(house, tmp_path, clock)
    await other.turns.finish(result_of(turn))
    await asyncio.to_thread(other.close)
    assert said(await asyncio.to_thread(kept, house)) == [("USER", turn.message), ("ASSISTANT", "It is noon.")]


@pytest.mark.parametrize("answer", ["天" * 1_750_000, "😀" * 900_000], ids=["5.2 MB of CJK", "3.6 MB of emoji"])
async def test_an_answer_that_is_too_long_for_one_event_is_kept_in_several(stores: OpenedStores, answer: str) -> None:
    await whole_turn(stores.turns, answer=answer)
    page = await stores.conversations.messages(ANNA, "first", limit=9, cursor=None)
    assert page.items[1].content == answer


async def test_a_session_that_is_full_lets_its_turn_end_and_says_so_to_the_next(
    tmp_path: Path, clock: MovableClock
) -> None:
    with memory_house(tmp_path / "memory_of_its_own", max_session_events=1) as house:
        stores = with_memory(house, tmp_path, clock)
        turn = new_turn()
        await stores.turns.begin(turn)
        with pytest.raises(TextRefused):
            await stores.turns.finish(result_of(turn))
        running = await stores.turns.get(ANNA, turn.turn_id)
        assert running is not None
        assert running.status is TurnStatus.RUNNING
        ended = await finish(stores.turns, result_of(turn))
        assert (ended.status, ended.error_code) == (TurnStatus.FAILED, "store_unavailable")
        page = await stores.conversations.messages(ANNA, "first", limit=9, cursor=None)
        assert [message.status for message in page.items] == [MessageStatus.COMPLETE, MessageStatus.FAILED]
        with pytest.raises(Conflict) as caught:
            await stores.turns.begin(new_turn())
        assert caught.value.code == "conversation_full"
        assert await stores.conversations.delete(ANNA, "first")
        await asyncio.to_thread(stores.close)


async def test_whoever_runs_a_turn_ends_it_without_asking_for_all_others(stores: OpenedStores) -> None:
    many = [new_turn(f"s{number}") for number in range(5)]
    for turn in many:
        await stores.turns.begin(turn)
    there, beneath = over_beneath(stores)
    assert await there.get(ANNA, many[0].turn_id)  # as a function does first
    await there.finish(result_of(many[0]))
    assert beneath.listed == 0
    elsewhere, beneath = over_beneath(stores)
    await elsewhere.finish(result_of(many[1]))
    assert beneath.listed == 1
    page = await stores.conversations.messages(ANNA, "s1", limit=9, cursor=None)
    assert [message.content for message in page.items] == ["What time is it?", "It is noon."]


async def test_running_turns_are_told_without_the_memory(tmp_path: Path, clock: MovableClock) -> None:
    with memory_house(tmp_path / "memory_of_its_own") as house:
        stores = with_memory(house, tmp_path, clock)
        turn = new_turn()
        await stores.turns.begin(turn)
        await asyncio.to_thread(house.run, asyncio.to_thread(house.world.database.close))
        (left,) = await stores.turns.open_turns()
        assert (left.turn.id, left.message) == (turn.turn_id, "")
        with pytest.raises(Conflict) as caught:
            await stores.turns.begin(msgspec.structs.replace(turn, turn_id="another", message=""))
        assert caught.value.code == "turn_active"
        await asyncio.to_thread(stores.close)


class Behind:
    """A memory whose list still shows what was deleted."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def list_events(self, **_: object) -> dict[str, Any]:
        self.calls.append("list")
        return {"events": [{"eventId": "1#a"}]}

    def delete_event(self, **_: object) -> dict[str, Any]:
        self.calls.append("delete")
        return {"eventId": "1#a"}

    def close(self) -> None:
        """Nothing is open."""


async def test_erasing_ends_when_the_list_is_behind_and_asks_to_be_asked_again() -> None:
    memory = Behind()
    texts = Texts(memory, "memory")  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        await texts.erase(Place("a", "s"))
    texts.close()
    assert memory.calls == ["list", "delete", "list"]


def refusing(code: str, status: int) -> Texts:
    """Texts in a memory that says this to all."""

    class Refusing(Behind):
        def create_event(self, **_: object) -> dict[str, Any]:
            said = {"Error": {"Code": code, "Message": ""}, "ResponseMetadata": {"HTTPStatusCode": status}}
            raise ClientError(said, "CreateEvent")  # type: ignore[arg-type]

    return Texts(Refusing(), "memory")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("code", "status", "never"),
    [
        ("ValidationException", 400, True),
        ("ServiceQuotaExceededException", 402, True),
        ("PayloadTooLarge", 413, True),
        ("RequestExpired", 400, False),
        ("IncompleteSignature", 400, False),
        ("ExpiredTokenException", 403, False),
        ("ThrottledException", 429, False),
        ("ServiceException", 500, False),
    ],
)
async def test_only_what_is_wrong_with_the_text_itself_is_never_kept(code: str, status: int, never: bool) -> None:
    texts = refusing(code, status)
    kept_text = Said(text="hello", role="USER", at=1.0, message_id="m", turn_id="t")
    with pytest.raises(TextRefused if never else StoreUnavailable):
        await texts.keep(Place("a", "s"), kept_text)
    texts.close()


async def test_an_answer_that_is_never_kept_leaves_a_cancelled_turn_cancelled(
    tmp_path: Path, clock: MovableClock
) -> None:
    with memory_house(tmp_path / "memory_of_its_own", max_session_events=1) as house:
        stores = with_memory(house, tmp_path, clock)
        turn = new_turn()
        await stores.turns.begin(turn)
        cancelled = {"status": TurnStatus.CANCELLED, "error_code": "turn_cancelled"}
        await finish(stores.turns, result_of(turn, message_status=MessageStatus.PARTIAL, **cancelled))
        ended = await stores.turns.get(ANNA, turn.turn_id)
        assert ended is not None
        assert (ended.status, ended.error_code) == (TurnStatus.CANCELLED, "turn_cancelled")
        await asyncio.to_thread(stores.close)


class Odd(Behind):
    """A memory that answers something else."""

    def list_events(self, **_: object) -> dict[str, Any]:
        return {}


async def test_an_answer_of_another_shape_is_no_answer() -> None:
    texts = Texts(Odd(), "memory")  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        await texts.erase(Place("a", "s"))
    texts.close()


async def test_more_than_one_page_of_texts_is_read_and_erased_whole(house: MemoryHouse, stores: OpenedStores) -> None:
    place = {"memoryId": MEMORY, "actorId": USER.key, "sessionId": "first"}
    for number in range(60):
        await whole_turn(stores.turns, owner=USER.key, message=f"q{number}", answer=f"a{number}", at=1000.0 + number)
    page = await stores.conversations.messages(USER.key, "first", limit=120, cursor=None)
    assert [message.content for message in page.items][::2] == [f"q{number}" for number in range(60)]
    assert await stores.conversations.delete(USER.key, "first", user=USER)
    await stores.forgotten.done(USER.key, "first")

    def left() -> int:
        client = house.client()
        found = len(client.list_events(**place)["events"])
        client.close()
        return found

    assert await asyncio.to_thread(left) == 0
