"""What goes wrong in a turn: named, kept, never left open."""

import asyncio
from pathlib import Path

import pytest
from tests.contract.building import MovableClock
from tests.contract.memory import with_memory
from tests.unit.agent_door.memory_house import memory_house
from tests.unit.services.house import AGENT, ANNA, House, Script, delta, kinds, last, opened, sse

from doorward.errors import (
    AgentFailed,
    AgentTimeout,
    AgentUnreachable,
    Conflict,
    DoorwardError,
    Forbidden,
    InvalidInput,
    StoreUnavailable,
    TextRefused,
    TooManyRequests,
)
from doorward.model.chat import TurnStatus
from doorward.services.chat.options import ChatOptions

pytestmark = pytest.mark.anyio


async def start(house: House, session_id: str | None = None) -> tuple[str, str]:
    turn = await house.chat.start(ANNA, "hello", session_id=session_id, request_id="r1")
    return turn.turn_id, turn.session_id


@pytest.mark.parametrize(
    ("error", "code", "raised"),
    [
        (AgentFailed("secret"), "agent_failed", AgentFailed),
        (AgentTimeout("secret"), "agent_timeout", AgentTimeout),
        (AgentUnreachable("secret"), "agent_unreachable", AgentUnreachable),
        (Forbidden("secret"), "agent_refused", AgentFailed),
        (Conflict("secret"), "agent_busy", Conflict),
        (TooManyRequests("secret", retry_after=1), "agent_busy", Conflict),
        (InvalidInput("secret"), "agent_failed", AgentFailed),
    ],
)
@pytest.mark.parametrize("late", [False, True])
async def test_failures_of_the_agent_end_the_turn_with_their_code_and_keep_what_was_said(
    house: House, error: DoorwardError, code: str, raised: type[DoorwardError], late: bool
) -> None:
    """F-01"""
    house.agent.answer = lambda _: Script(sse(delta("so far")), error) if late else error
    turn_id, session_id = await start(house)
    with pytest.raises(raised) as caught:
        await house.chat.answer(ANNA, turn_id)
    assert caught.value.code == code
    turn = await house.chat.turn(ANNA, turn_id)
    assert (turn.status, turn.error_code) == (TurnStatus.FAILED, code)
    events = await house.stored(turn_id)
    assert (last(events)["type"], last(events)["code"]) == ("RUN_ERROR", code)
    assert "secret" not in str(events)
    kept = ("assistant", "so far", "partial") if late else ("assistant", "", "failed")
    assert (await house.messages(session_id))[1:] == [kept]
    house.says(sse("better"))
    turn_id, _ = await start(house, session_id)
    assert (await house.chat.answer(ANNA, turn_id)).response == "better"


async def test_an_error_inside_a_stream_that_began_well_is_a_failure(house: House) -> None:
    script = house.says(sse("half", {"error": "secret", "error_type": "E", "message": "m"}), asyncio.Event())
    turn_id, _ = await start(house)
    with pytest.raises(AgentFailed):
        await house.chat.answer(ANNA, turn_id)
    assert script.closed.is_set()
    assert "secret" not in str(await house.stored(turn_id))


async def test_an_error_status_is_a_failure(house: House) -> None:
    house.says(b'{"response": "not to be read"}', content_type="application/json", status=424)
    turn_id, _ = await start(house)
    with pytest.raises(AgentFailed):
        await house.chat.answer(ANNA, turn_id)
    assert kinds(await house.stored(turn_id)) == ["RUN_STARTED", "RUN_ERROR"]


async def test_a_turn_has_a_time_limit(tmp_path: Path) -> None:
    async with opened(tmp_path, turn_timeout=0.05) as house:
        script = house.says(sse(delta("so far")), asyncio.Event())
        turn_id, session_id = await start(house)
        with pytest.raises(AgentTimeout):
            await house.chat.answer(ANNA, turn_id)
        assert script.closed.is_set()
        assert (await house.messages(session_id))[1:] == [("assistant", "so far", "partial")]


async def test_an_answer_that_is_too_large_is_cut_off(tmp_path: Path) -> None:
    """AP-TOL-13"""
    async with opened(tmp_path, max_answer_bytes=1000) as house:
        script = house.says(*(sse(delta("x" * 100)) for _ in range(100)))
        turn_id, _ = await start(house)
        with pytest.raises(AgentFailed) as caught:
            await house.chat.answer(ANNA, turn_id)
        assert caught.value.code == "agent_answer_too_large"
        assert script.closed.is_set()


async def test_an_unforeseen_error_ends_the_turn_all_the_same(house: House) -> None:
    house.agent.answer = lambda _: Script(sse(delta("so far")), LookupError("secret"))
    turn_id, session_id = await start(house)
    with pytest.raises(DoorwardError) as caught:
        await house.chat.answer(ANNA, turn_id)
    assert caught.value.code == "internal_error"
    assert "secret" not in str(await house.stored(turn_id))
    assert (await house.messages(session_id))[1:] == [("assistant", "so far", "partial")]
    assert house.chat.running == 0


async def test_an_event_loop_that_goes_down_leaves_the_turn_interrupted(house: House) -> None:
    house.says(sse(delta("so far")), asyncio.Event())
    turn_id, _ = await start(house)
    events = await house.chat.events(ANNA, turn_id, after=1)
    await anext(events)
    house.chat._runs[turn_id].task.cancel()
    seen = [event async for batch in events for event in batch]
    assert last(seen)["code"] == "turn_interrupted"
    assert (await house.chat.turn(ANNA, turn_id)).status is TurnStatus.INTERRUPTED


class Refusals:
    """A store that refuses its next writes, so many times or with these errors."""

    def __init__(self, count: int = 0, *errors: DoorwardError) -> None:
        self.left = [*(StoreUnavailable("The store is full.") for _ in range(count)), *errors]

    async def __call__(self) -> None:
        if self.left:
            raise self.left.pop(0)


async def test_a_message_that_cannot_be_stored_starts_nothing(house: House) -> None:
    """F-06"""
    house.turns.before["begin"] = Refusals(1)
    with pytest.raises(StoreUnavailable):
        await start(house)
    assert (house.agent.calls, house.chat.running) == ([], 0)


async def test_events_that_cannot_be_stored_stop_the_turn_and_nothing_is_lost_of_what_was_said(house: House) -> None:
    """F-06"""
    house.turns.before["append"] = Refusals(1)
    script = house.says(sse(delta("so far")), asyncio.Event())
    turn_id, session_id = await start(house)
    seen = await house.follow(ANNA, turn_id)
    assert seen == await house.stored(turn_id)
    assert last(seen)["code"] == "store_unavailable"
    assert script.closed.is_set()
    assert (await house.messages(session_id))[1:] == [("assistant", "so far", "partial")]
    with pytest.raises(StoreUnavailable):
        await house.chat.answer(ANNA, turn_id)


async def test_an_answer_that_the_memory_never_takes_has_failed_for_its_reader_and_in_its_log(tmp_path: Path) -> None:
    with memory_house(tmp_path / "memory", max_session_events=1) as memory:
        stores = with_memory(memory, tmp_path, MovableClock())
        house = House(stores, ChatOptions(agent_arn=AGENT))
        more = asyncio.Event()
        house.says(sse(delta("it is ")), more, sse(delta("noon")))
        turn_id, session_id = await start(house)
        reading = asyncio.create_task(house.follow(ANNA, turn_id))
        waiting = asyncio.create_task(house.chat.answer(ANNA, turn_id))
        more.set()
        seen = await reading
        with pytest.raises(StoreUnavailable):
            await waiting
        assert last(seen)["code"] == "store_unavailable"
        assert await house.stored(turn_id) == seen
        turn = await house.chat.turn(ANNA, turn_id)
        assert (turn.status, turn.error_code) == (TurnStatus.FAILED, "store_unavailable")
        with pytest.raises(StoreUnavailable):
            await house.chat.answer(ANNA, turn_id)
        assert (await house.messages(session_id))[1:] == [("assistant", "", "failed")]
        await house.chat.shutdown(0)
        await asyncio.to_thread(stores.close)


async def test_an_end_that_cannot_be_stored_is_told_and_tried_again(house: House) -> None:
    """F-05, F-06: it recovers without a restart."""
    house.turns.before["finish"] = Refusals(2)
    house.says(sse("whole"))
    turn_id, session_id = await start(house)
    with pytest.raises(StoreUnavailable):
        await house.follow(ANNA, turn_id)
    with pytest.raises(StoreUnavailable):
        await house.chat.answer(ANNA, turn_id)
    with pytest.raises(Conflict):
        await start(house, session_id)
    await asyncio.gather(*house.chat._chores)
    assert (await house.chat.answer(ANNA, turn_id)).response == "whole"
    assert last(await house.follow(ANNA, turn_id))["type"] == "RUN_FINISHED"
    await start(house, session_id)


async def test_an_answer_that_is_refused_for_good_only_at_a_later_try_has_failed_too(house: House) -> None:
    house.turns.before["finish"] = Refusals(1, TextRefused("The session is full."))
    house.says(sse("whole"))
    turn_id, session_id = await start(house)
    with pytest.raises(StoreUnavailable):
        await house.chat.answer(ANNA, turn_id)
    await asyncio.gather(*house.chat._chores)
    turn = await house.chat.turn(ANNA, turn_id)
    assert (turn.status, turn.error_code) == (TurnStatus.FAILED, "store_unavailable")
    assert last(await house.stored(turn_id))["code"] == "store_unavailable"
    assert (await house.messages(session_id))[1:] == [("assistant", "", "failed")]
