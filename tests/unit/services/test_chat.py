"""Turns: stored, numbered, followed, resumed, stopped."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.unit.services.house import AGENT, ANNA, BEN, House, Script, delta, kinds, last, opened, sse

from doorward.errors import Conflict, InvalidInput, NotFound, StoreUnavailable, TooManyRequests
from doorward.model.agent import AgentCall
from doorward.model.chat import TurnStatus
from doorward.services.chat import tail, writer

pytestmark = pytest.mark.anyio


async def start(house: House, message: str = "hello", session_id: str | None = None) -> tuple[str, str]:
    turn = await house.chat.start(ANNA, message, session_id=session_id, request_id="r1")
    return turn.turn_id, turn.session_id


async def test_the_message_is_stored_before_the_agent_runs_and_the_answer_after(house: House) -> None:
    go = asyncio.Event()
    house.says(go, sse("Hi ", "there"))
    turn_id, session_id = await start(house)
    assert await house.messages(session_id) == [("user", "hello", "complete")]
    go.set()
    answer = await house.chat.answer(ANNA, turn_id)
    assert (answer.response, answer.session_id, answer.turn_id) == ("Hi there", session_id, turn_id)
    assert await house.messages(session_id) == [("user", "hello", "complete"), ("assistant", "Hi there", "complete")]
    assert len(session_id) == 36


async def test_the_agent_gets_the_prompt_the_users_key_and_a_turn_token_but_no_token_of_the_user(house: House) -> None:
    turn_id, session_id = await start(house, 'say "hi"')
    await house.chat.answer(ANNA, turn_id)
    call = house.agent.calls[0]
    assert json.loads(call.payload) == {"prompt": 'say "hi"'}
    assert (call.agent, call.session_id, call.user_id, call.request_id) == (AGENT, session_id, ANNA.key, "r1")
    assert call.bearer is None
    assert call.turn_token is not None
    identity = house.tokens.verify(call.turn_token.reveal(), audience=AGENT)
    assert (identity.owner_key, identity.turn_id, identity.session_id) == (ANNA.key, turn_id, session_id)
    assert identity.actor == "chat"


async def test_every_stored_event_is_published_once_in_order_without_gaps(house: House) -> None:
    house.says(*(sse(delta(f"{i} ")) for i in range(50)))
    turn_id, _ = await start(house)
    seen = await house.follow(ANNA, turn_id)
    assert seen == await house.stored(turn_id)
    assert [event.sequence for event in seen] == list(range(1, 55))
    assert (kinds(seen)[0], kinds(seen)[-1]) == ("RUN_STARTED", "RUN_FINISHED")


async def test_the_first_event_is_there_before_the_agent_says_anything(house: House) -> None:
    go = asyncio.Event()
    house.says(go)
    turn_id, session_id = await start(house)
    events = await house.chat.events(ANNA, turn_id, after=0)
    [first] = await anext(events)
    assert json.loads(first.data) == {"type": "RUN_STARTED", "threadId": session_id, "runId": turn_id}
    go.set()


async def test_reading_on_gives_exactly_the_rest_while_it_runs_and_after(house: House) -> None:
    go = asyncio.Event()
    house.says(sse(*(delta(f"{i} ") for i in range(5))), go, sse(delta("end")))
    turn_id, _ = await start(house)
    live = [asyncio.create_task(house.follow(ANNA, turn_id, after)) for after in range(12)]
    await asyncio.sleep(0)
    go.set()
    rest = await asyncio.gather(*live)
    stored = await house.stored(turn_id)
    assert rest == [stored[after:] for after in range(12)]
    assert [await house.follow(ANNA, turn_id, after) for after in range(12)] == rest


async def test_nobody_sees_what_is_not_durable(house: House) -> None:
    writing, durable, go = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        writing.set()
        await durable.wait()

    house.turns.before["append"] = hold
    house.says(sse(delta("a")), go)
    turn_id, _ = await start(house)
    events = await house.chat.events(ANNA, turn_id, after=0)
    assert kinds(await anext(events)) == ["RUN_STARTED"]
    following = asyncio.ensure_future(anext(events))
    await writing.wait()
    await asyncio.wait({following}, timeout=0.05)
    assert not following.done()
    durable.set()
    assert kinds(await following) == ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"]
    go.set()


async def test_while_one_batch_is_written_the_next_collects(house: House) -> None:
    durable, writing, go = asyncio.Event(), asyncio.Event(), asyncio.Event()
    writes = []

    async def hold() -> None:
        writes.append(1)
        writing.set()
        await durable.wait()

    house.turns.before["append"] = hold
    house.says(sse(delta("0")), writing, *(sse(delta(str(i))) for i in range(100)), go)
    turn_id, _ = await start(house)
    await writing.wait()
    durable.set()
    seen = []
    async for batch in await house.chat.events(ANNA, turn_id, after=0):
        seen += batch
        if len(seen) == 103:
            go.set()
    assert len(seen) == 105
    assert len(writes) == 2


async def test_a_slow_reader_gets_everything_and_the_memory_stays_bounded(house: House) -> None:
    """F-14"""
    house.says(*(sse(*(delta(f"{i}-{j} " + "x" * 500) for j in range(100))) for i in range(30)))
    turn_id, _ = await start(house)
    run = house.chat._runs[turn_id]
    slow = await house.chat.events(ANNA, turn_id, after=0)
    seen = list(await anext(slow))
    await house.chat.answer(ANNA, turn_id)
    assert len(run.tail._events) <= tail.MAX_EVENTS
    assert sum(len(event.data) for event in run.tail._events) <= tail.MAX_BYTES
    async for batch in slow:
        seen += batch
    assert seen == await house.stored(turn_id)
    assert len(seen) == 3004


async def test_an_agent_that_is_faster_than_the_store_waits(house: House) -> None:
    """F-14"""
    durable, writing = asyncio.Event(), asyncio.Event()
    taken = []

    async def hold() -> None:
        writing.set()
        await durable.wait()

    class Counting(Script):
        async def chunks(self) -> AsyncIterator[bytes]:
            async for chunk in super().chunks():
                taken.append(len(chunk))
                yield chunk

    house.turns.before["append"] = hold
    script = Counting(*(sse(delta("x" * 100_000)) for _ in range(60)))
    house.agent.answer = lambda _: script
    turn_id, _ = await start(house)
    await writing.wait()
    await asyncio.sleep(0)
    assert sum(taken) < 2 * writer.MAX_PENDING_BYTES
    durable.set()
    assert len((await house.chat.answer(ANNA, turn_id)).response) == 6_000_000


async def test_turns_that_nobody_listens_to_count_against_the_users_limit(tmp_path: Path) -> None:
    """AP-LIM-04"""
    async with opened(tmp_path, turns_per_user=2) as house:
        go = asyncio.Event()
        house.says(go, sse("ok"))
        turns = [await start(house), await start(house)]
        with pytest.raises(TooManyRequests) as refused:
            await start(house)
        assert refused.value.code == "too_many_turns"
        await house.chat.start(BEN, "hello", session_id=None, request_id="r1")
        go.set()
        for turn_id, _ in turns:
            await house.chat.answer(ANNA, turn_id)
        await start(house)


async def test_silence_is_broken_by_empty_batches(tmp_path: Path) -> None:
    async with opened(tmp_path, heartbeat=0.01) as house:
        go = asyncio.Event()
        house.says(go)
        turn_id, _ = await start(house)
        events = await house.chat.events(ANNA, turn_id, after=0)
        batches = [await anext(events) for _ in range(3)]
        assert [len(batch) for batch in batches] == [1, 0, 0]
        go.set()


async def test_a_reader_who_goes_away_does_not_stop_the_turn(house: House) -> None:
    go = asyncio.Event()
    house.says(sse("half "), go, sse("whole"))
    turn_id, _ = await start(house)
    events = await house.chat.events(ANNA, turn_id, after=0)
    await anext(events)
    await events.aclose()  # type: ignore[attr-defined]
    waiting = asyncio.create_task(house.chat.answer(ANNA, turn_id))
    await asyncio.sleep(0)
    waiting.cancel()
    go.set()
    assert (await house.chat.answer(ANNA, turn_id)).response == "half whole"


async def test_a_caller_who_goes_away_while_the_message_is_stored_leaves_no_turn_half_begun(house: House) -> None:
    storing, go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        storing.set()
        await go.wait()

    house.turns.before["begin"] = hold
    session_id = "a" * 36
    starting = asyncio.create_task(start(house, session_id=session_id))
    await storing.wait()
    starting.cancel()
    go.set()
    (run,) = house.chat._runs.values()
    await run.ended
    assert [role for role, *_ in await house.messages(session_id)] == ["user", "assistant"]


async def test_of_fifty_parallel_starts_in_a_conversation_one_runs(house: House) -> None:
    """F-17"""
    go = asyncio.Event()
    house.says(go, sse("ok"))
    session_id = "b" * 36
    results = await asyncio.gather(*(start(house, session_id=session_id) for _ in range(50)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, Conflict)]
    assert [error.code for error in refused] == ["turn_active"] * 49
    assert house.chat.running == 1
    go.set()
    [(turn_id, _)] = [result for result in results if isinstance(result, tuple)]
    await house.chat.answer(ANNA, turn_id)
    assert len(house.agent.calls) == 1
    await start(house, session_id=session_id)


async def test_cancelling_keeps_what_was_said_within_a_second(house: House) -> None:
    script = house.says(sse(delta("so far")), asyncio.Event())
    turn_id, session_id = await start(house)
    events = await house.chat.events(ANNA, turn_id, after=0)
    seen = [*await anext(events), *await anext(events)]
    async with asyncio.timeout(1):
        turn = await house.chat.cancel(ANNA, turn_id)
        await script.closed.wait()
    assert (turn.status, turn.error_code) == (TurnStatus.CANCELLED, "turn_cancelled")
    assert turn == await house.chat.turn(ANNA, turn_id)
    seen += [event async for batch in events for event in batch]
    assert kinds(seen)[-2:] == ["TEXT_MESSAGE_END", "RUN_ERROR"]
    assert last(seen)["code"] == "turn_cancelled"
    assert (await house.messages(session_id))[1:] == [("assistant", "so far", "partial")]
    assert house.agent.stopped == [(AGENT, session_id, ANNA.key)]
    with pytest.raises(Conflict, match="cancelled"):
        await house.chat.answer(ANNA, turn_id)


async def test_an_operator_sees_what_runs_and_stops_it_and_its_user_is_told(house: House) -> None:
    script = house.says(sse(delta("so far")), asyncio.Event())
    turn_id, session_id = await start(house, "a secret question")
    events = await house.chat.events(ANNA, turn_id, after=0)
    seen = [*await anext(events), *await anext(events)]
    (running,) = house.chat.running_turns()
    assert (running.turn_id, running.session_id, running.owner) == (turn_id, session_id, ANNA.key)
    assert (running.username, running.request_id) == (ANNA.username, "r1")
    assert "secret" not in repr(running)

    turn = await house.chat.stop_turn(turn_id)
    await script.closed.wait()

    assert (turn.status, turn.error_code) == (TurnStatus.CANCELLED, "turn_stopped")
    seen += [event async for batch in events for event in batch]
    assert last(seen)["code"] == "turn_stopped"
    assert (await house.messages(session_id))[1:] == [("assistant", "so far", "partial")]
    assert house.chat.running_turns() == []
    with pytest.raises(NotFound):
        await house.chat.stop_turn(turn_id)


async def test_cancelling_at_once_or_twice_or_after_the_end_is_no_trouble(house: House) -> None:
    house.says(asyncio.Event())
    turn_id, _ = await start(house)
    first, second = await asyncio.gather(house.chat.cancel(ANNA, turn_id), house.chat.cancel(ANNA, turn_id))
    assert first == second == await house.chat.cancel(ANNA, turn_id)
    house.says(sse("done"))
    turn_id, _ = await start(house)
    await house.chat.answer(ANNA, turn_id)
    assert (await house.chat.cancel(ANNA, turn_id)).status is TurnStatus.COMPLETED


async def test_a_cancelled_conversation_takes_the_next_message(house: House) -> None:
    house.says(asyncio.Event())
    turn_id, session_id = await start(house)
    await house.chat.cancel(ANNA, turn_id)
    house.says(sse("again"))
    turn_id, _ = await start(house, session_id=session_id)
    assert (await house.chat.answer(ANNA, turn_id)).response == "again"


async def test_the_answer_of_a_turn_that_ended_long_ago_is_read_from_its_log(house: House) -> None:
    usage = {"type": "CUSTOM", "name": "usage", "value": {"model": "m", "inputTokens": 5, "outputTokens": 7}}
    house.says(sse(delta("one"), delta("two", "m2"), usage))
    turn_id, _ = await start(house)
    fresh = await house.chat.answer(ANNA, turn_id)
    assert house.chat.running == 0
    assert await house.chat.answer(ANNA, turn_id) == fresh
    assert (fresh.response, fresh.usage.input_tokens, fresh.usage.output_tokens) == ("one\n\ntwo", 5, 7)
    assert last(await house.stored(turn_id))["usage"] == [{"model": "m", "inputTokens": 5, "outputTokens": 7}]


async def test_a_json_answer_costs_two_writes(house: House) -> None:
    house.says(b'{"response": "hi"}', content_type="application/json")

    async def never() -> None:
        raise AssertionError("nothing is appended between the first and the last write")

    house.turns.before["append"] = never
    turn_id, _ = await start(house)
    assert (await house.chat.answer(ANNA, turn_id)).response == "hi"
    assert kinds(await house.stored(turn_id)) == [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
    ]


@pytest.mark.parametrize("session_id", ["short", "a" * 101, "-" + "a" * 40, "a" * 40 + "\n", "ä" * 40, "a_b" * 20])
async def test_a_session_id_of_another_form_is_refused(house: House, session_id: str) -> None:
    with pytest.raises(InvalidInput, match="session id"):
        await start(house, session_id=session_id)


async def test_a_turn_that_is_not_there_is_not_found(house: House) -> None:
    with pytest.raises(NotFound):
        await house.chat.events(ANNA, "nothing", after=0)
    with pytest.raises(InvalidInput):
        await house.chat.events(ANNA, "nothing", after=-1)


async def test_shutting_down_gives_open_turns_their_grace_and_then_keeps_what_they_have(house: House) -> None:
    """F-24"""
    go = asyncio.Event()
    scripts = {"quick": Script(go, sse("done")), "slow": Script(sse(delta("half")), asyncio.Event())}
    house.agent.answer = lambda call: scripts[msgspec.json.decode(call.payload)["prompt"]]
    quick, _ = await start(house, "quick")
    slow, session_id = await start(house, "slow")
    following = asyncio.create_task(house.follow(ANNA, slow))
    events = await house.chat.events(ANNA, slow, after=0)
    seen = [*await anext(events), *await anext(events)]
    assert kinds(seen)[-1] == "TEXT_MESSAGE_CONTENT"
    closing = asyncio.create_task(house.chat.shutdown(0.2))
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable) as refused:
        await start(house)
    assert refused.value.code == "server_closing"
    go.set()
    await closing
    assert (await house.chat.turn(ANNA, quick)).status is TurnStatus.COMPLETED
    assert (await house.chat.turn(ANNA, slow)).status is TurnStatus.INTERRUPTED
    assert last(await following)["code"] == "turn_interrupted"
    assert (await house.messages(session_id))[1:] == [("assistant", "half", "partial")]


async def test_turns_of_several_conversations_run_at_once(house: House) -> None:
    waiting = asyncio.Event()
    seen: list[AgentCall] = []

    def answer(call: AgentCall) -> Script:
        seen.append(call)
        if len(seen) == 8:
            waiting.set()
        return Script(waiting, sse("ok"))

    house.agent.answer = answer
    turns = await asyncio.gather(*(start(house) for _ in range(8)))
    answers = await asyncio.gather(*(house.chat.answer(ANNA, turn_id) for turn_id, _ in turns))
    assert [answer.response for answer in answers] == ["ok"] * 8
