"""Equal sends are one turn (F-17, AP-LIM-06)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.services.house import ANNA, BEN, House, last, opened, sse

from doorward.errors import AgentFailed, Conflict, DoorwardError, KeyReused, NotFound, StoreUnavailable
from doorward.model.principals import User
from doorward.ports.services import Sending, SendKey, StartedTurn

pytestmark = pytest.mark.anyio

SESSION = "s" * 36


def with_key(key: str = "k", body: bytes = b"hello", route: str = "POST /api/chat") -> Sending:
    return Sending(key=SendKey(route=route, key=key, body=body))


async def send(
    house: House, sending: Sending | None = None, *, user: User = ANNA, session_id: str | None = None
) -> StartedTurn:
    return await house.chat.start(user, "hello", session_id=session_id, request_id="r1", sending=sending or with_key())


@pytest.fixture
async def narrow(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, turns_per_user=1) as house:
        yield house


@pytest.fixture
async def refusing(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, idempotency="refuse") as house:
        yield house


async def test_fifty_equal_sends_at_once_run_the_agent_once_and_get_equal_answers(narrow: House) -> None:
    """F-17. The user may run one turn: equal sends do not count against that (AP-LIM-04)."""
    go = asyncio.Event()
    narrow.says(sse("Hi "), go, sse("there"))

    async def ask() -> tuple[str, str, str]:
        started = await send(narrow)
        go.set()
        answer = await narrow.chat.answer(ANNA, started.turn_id)
        return answer.response, answer.turn_id, answer.session_id

    answers = await asyncio.gather(*(ask() for _ in range(50)))

    assert len(set(answers)) == 1
    assert answers[0][0] == "Hi there"
    assert len(narrow.agent.calls) == 1
    assert (await send(narrow)).replayed


async def test_readers_of_equal_sends_get_the_whole_log_of_the_one_turn(house: House) -> None:
    house.says(sse("one "), sse("two"))
    first, second = await asyncio.gather(send(house), send(house))
    logs = [await house.follow(ANNA, started.turn_id) for started in (first, second)]
    assert logs[0] == logs[1] == await house.stored(first.turn_id)
    assert sorted((first.replayed, second.replayed)) == [False, True]


async def test_another_body_is_refused_before_during_and_after_the_turn(house: House) -> None:
    """AP-LIM-06"""
    go = asyncio.Event()
    house.says(go, sse("ok"))
    results = await asyncio.gather(send(house), send(house, with_key(body=b"other")), return_exceptions=True)
    assert isinstance(results[0], StartedTurn)
    assert isinstance(results[1], KeyReused)
    with pytest.raises(KeyReused):
        await send(house, with_key(body=b"other"))
    go.set()
    await house.chat.answer(ANNA, results[0].turn_id)
    with pytest.raises(KeyReused):
        await send(house, with_key(body=b"other"))
    assert len(house.agent.calls) == 1


async def test_a_key_is_its_users_and_its_routes_own(house: House) -> None:
    """AP-LIM-06: never another user's answer."""
    mine, bens, other_route, other_key = [
        await send(house),
        await send(house, user=BEN),
        await send(house, with_key(route="POST /other")),
        await send(house, with_key("K")),
    ]
    assert len({started.turn_id for started in (mine, bens, other_route, other_key)}) == 4
    with pytest.raises(NotFound):
        await house.chat.answer(BEN, mine.turn_id)


async def test_where_it_is_configured_an_equal_send_is_refused_while_the_turn_runs(refusing: House) -> None:
    go = asyncio.Event()
    refusing.says(go, sse("ok"))
    results = await asyncio.gather(*(send(refusing) for _ in range(10)), return_exceptions=True)
    (started,) = [result for result in results if isinstance(result, StartedTurn)]
    refused = [result for result in results if isinstance(result, Conflict)]
    with pytest.raises(Conflict) as later:
        await send(refusing)
    assert {(error.code, error.retry_after) for error in [*refused, later.value]} == {("idempotency_in_flight", 1.0)}
    assert len(refused) == 9
    go.set()
    answer = await refusing.chat.answer(ANNA, started.turn_id)
    again = await send(refusing)
    assert (again.turn_id, again.replayed) == (answer.turn_id, True)


async def test_a_turn_that_failed_is_repeated_as_it_failed(house: House) -> None:
    house.agent.answer = lambda _: AgentFailed("canary")
    started = await send(house)
    for turn in (started, await send(house)):
        with pytest.raises(AgentFailed) as failed:
            await house.chat.answer(ANNA, turn.turn_id)
        assert failed.value.code == "agent_failed"
    assert len(house.agent.calls) == 1


async def test_a_send_that_began_nothing_leaves_the_key_free(house: House) -> None:
    async def full() -> None:
        raise StoreUnavailable("The disk is full.")

    house.turns.before["begin"] = full
    results = await asyncio.gather(*(send(house) for _ in range(3)), return_exceptions=True)
    assert {type(result) for result in results} == {StoreUnavailable}
    house.turns.before.clear()
    assert not (await send(house)).replayed
    assert len(house.agent.calls) <= 1


async def test_a_key_of_a_turn_that_was_refused_may_be_used_when_the_conversation_is_free(house: House) -> None:
    go = asyncio.Event()
    house.says(go, sse("ok"))
    first = await send(house, with_key("a"), session_id=SESSION)
    with pytest.raises(Conflict) as refused:
        await send(house, with_key("b"), session_id=SESSION)
    assert refused.value.code == "turn_active"
    go.set()
    await house.chat.answer(ANNA, first.turn_id)
    second = await send(house, with_key("b"), session_id=SESSION)
    assert (second.replayed, second.turn_id == first.turn_id) == (False, False)


async def test_a_caller_who_goes_away_takes_nothing_from_those_who_wait(house: House) -> None:
    durable = asyncio.Event()
    house.turns.before["begin"] = durable.wait
    impatient, patient = asyncio.ensure_future(send(house)), asyncio.ensure_future(send(house))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.wait({impatient})
    durable.set()
    started = await patient
    assert (await house.chat.answer(ANNA, started.turn_id)).response == "ok"
    assert len(house.agent.calls) == 1


async def test_after_a_restart_a_key_still_has_its_turn_and_the_agent_does_not_run_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as before:
        done = await send(before)
        answer = await before.chat.answer(ANNA, done.turn_id)
        before.says(asyncio.Event())
        cut = await send(before, with_key("cut"))
        await before.chat.shutdown(0, hand_over=True)
    async with opened(tmp_path) as after:
        assert await after.chat.adopt() == 1
        again = await send(after)
        assert await after.chat.answer(ANNA, again.turn_id) == answer
        broken = await send(after, with_key("cut"))
        assert (broken.turn_id, broken.replayed) == (cut.turn_id, True)
        assert last(await after.follow(ANNA, cut.turn_id))["code"] == "turn_interrupted"
        with pytest.raises(DoorwardError) as interrupted:
            await after.chat.answer(ANNA, cut.turn_id)
        assert interrupted.value.code == "turn_interrupted"
        assert after.agent.calls == []


async def test_another_process_that_was_first_gets_the_turn(house: House) -> None:
    """Both looked before either began: the store decides, and the second one runs nothing."""
    twin = House(house.stores, house.chat._options)
    both = asyncio.Barrier(2)

    async def meet() -> None:
        await both.wait()

    house.turns.before["begin"] = twin.turns.before["begin"] = meet
    first, second = await asyncio.gather(send(house), send(twin))
    assert first.turn_id == second.turn_id
    assert sorted((first.replayed, second.replayed)) == [False, True]
    await asyncio.gather(*(one.chat.shutdown(5) for one in (house, twin)))
    assert len(house.agent.calls) + len(twin.agent.calls) == 1
