"""Turns that another process left running: gone on with, without a gap and without a second run; or ended in order."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.unit.services.house import ANNA, BEN, House, Script, delta, kinds, last, opened, sse

from doorward.errors import AgentFailed, AgentUnreachable, Conflict, DoorwardError, NotFound, StoreUnavailable
from doorward.model.chat import TurnEvent, TurnStatus
from doorward.services.chat import sources

pytestmark = pytest.mark.anyio
PIECES = [delta("It "), delta("is "), {"type": "CUSTOM", "name": "usage", "value": {"inputTokens": 3}}, delta("one.")]


@asynccontextmanager
async def left(folder: Path, *pieces: Any, **options: Any) -> AsyncIterator[tuple[str, str]]:
    """A turn that its process has left after these pieces; its id and session."""
    async with opened(folder, **options) as house:
        house.says(sse(*pieces), asyncio.Event())
        turn = await house.chat.start(ANNA, "What time?", session_id=None, request_id="r1")
        following = await house.chat.events(ANNA, turn.turn_id, after=0)
        count = 0
        async with asyncio.timeout(10):
            while count < len(pieces):
                count += sum(json.loads(event.data)["type"] in ("TEXT_MESSAGE_CONTENT", "CUSTOM")
                             for event in await anext(following))  # fmt: skip
        await house.chat.shutdown(0, hand_over=True)
        assert (await house.stores.turns.get(ANNA.key, turn.turn_id)).status is TurnStatus.RUNNING  # type: ignore[union-attr]
        assert house.agent.stopped == [], "it runs on"
    yield turn.turn_id, turn.session_id


async def log_of(house: House, turn_id: str) -> list[dict[str, Any]]:
    return [json.loads(event.data) for event in await house.stored(turn_id)]


@pytest.mark.parametrize("stored", range(len(PIECES) + 1))
async def test_a_turn_goes_on_where_its_log_ends(tmp_path: Path, stored: int) -> None:
    """F-02"""
    async with left(tmp_path, *PIECES[:stored]) as (turn_id, session_id), opened(tmp_path) as house:
        before = await house.stored(turn_id)
        house.agent.left = lambda: Script(*(sse(piece) for piece in PIECES))
        assert await house.chat.adopt() == 1
        seen = await house.follow(ANNA, turn_id)

        assert seen[: len(before)] == before
        assert seen == await house.stored(turn_id)
        assert [event.sequence for event in seen] == list(range(1, len(seen) + 1))
        deltas = [json.loads(event.data).get("delta") for event in seen]
        assert [text for text in deltas if text] == ["It ", "is ", "one."]
        assert (kinds(seen)[0], kinds(seen)[-1]) == ("RUN_STARTED", "RUN_FINISHED")
        assert (await house.messages(session_id))[1:] == [("assistant", "It is one.", "complete")]
        turn = await house.chat.turn(ANNA, turn_id)
        assert (turn.status, turn.usage.input_tokens) == (TurnStatus.COMPLETED, 3)
        assert house.agent.calls == [], "nothing is run a second time"


async def test_readers_follow_an_adopted_turn_from_any_number_and_while_it_runs(tmp_path: Path) -> None:
    """F-16"""
    async with left(tmp_path, *PIECES[:2]) as (turn_id, _), opened(tmp_path) as house:
        go = asyncio.Event()
        house.agent.left = lambda: Script(sse(*PIECES[:3]), go, sse(*PIECES[3:]))
        await house.chat.adopt()
        readers = [asyncio.create_task(house.follow(ANNA, turn_id, after)) for after in range(6)]
        await asyncio.sleep(0)
        go.set()
        found = await asyncio.gather(*readers)
        assert all(rest == found[0][after:] for after, rest in enumerate(found))


async def test_a_turn_that_the_runtime_does_not_have_ends_as_interrupted_with_what_was_stored(tmp_path: Path) -> None:
    """F-01: nothing is left of it, so nothing is made up, and nothing runs again."""
    async with left(tmp_path, *PIECES[:3]) as (turn_id, session_id), opened(tmp_path) as house:
        await house.chat.adopt()
        seen = await house.follow(ANNA, turn_id)
        assert kinds(seen)[-2:] == ["TEXT_MESSAGE_END", "RUN_ERROR"]
        assert last(seen)["code"] == "turn_interrupted"
        assert (await house.messages(session_id))[1:] == [("assistant", "It is ", "partial")]
        turn = await house.chat.turn(ANNA, turn_id)
        assert (turn.status, turn.error_code) == (TurnStatus.INTERRUPTED, "turn_interrupted")
        assert turn.usage.input_tokens == 3
        assert await house.chat.adopt() == 0
        assert house.agent.calls == []


@pytest.mark.parametrize("claim", [10**30, -5, 2**63, "many", None, 1.5])
async def test_tokens_that_no_agent_can_have_spent_do_not_keep_the_house_from_starting(
    tmp_path: Path, claim: object
) -> None:
    boast = {"type": "CUSTOM", "name": "usage", "value": {"model": "m", "inputTokens": claim, "outputTokens": 4}}
    async with left(tmp_path, boast) as (turn_id, _), opened(tmp_path) as house:
        await house.chat.adopt()
        await house.follow(ANNA, turn_id)
        turn = await house.chat.turn(ANNA, turn_id)
        assert (turn.status, turn.usage.input_tokens) == (TurnStatus.INTERRUPTED, 0)


async def test_an_answer_that_breaks_off_while_it_is_told_again_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    async with left(tmp_path, *PIECES[:3]) as (turn_id, session_id), opened(tmp_path) as house:
        house.agent.left = lambda: Script(sse(PIECES[0]), AgentUnreachable("broke off"))
        await house.chat.adopt()
        seen = await house.follow(ANNA, turn_id)
        assert last(seen)["code"] == "agent_unreachable"
        assert (await house.messages(session_id))[1:] == [("assistant", "It is ", "partial")]


async def test_an_agent_that_failed_meanwhile_has_failed(tmp_path: Path) -> None:
    async with left(tmp_path, PIECES[0]) as (turn_id, _), opened(tmp_path) as house:
        house.agent.left = lambda: AgentFailed("The agent failed.")
        await house.chat.adopt()
        assert last(await house.follow(ANNA, turn_id))["code"] == "agent_failed"


async def test_a_runtime_that_starts_too_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "RESUME_PAUSE", 0.001)
    async with left(tmp_path, PIECES[0]) as (turn_id, _), opened(tmp_path) as house:
        tries = iter([AgentUnreachable("starting"), AgentUnreachable("starting"), Script(sse(*PIECES))])
        house.agent.left = lambda: next(tries)
        await house.chat.adopt()
        assert kinds(await house.follow(ANNA, turn_id))[-1] == "RUN_FINISHED"
        assert len(house.agent.resumed) == 3


async def test_one_that_stays_away_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "RESUME_SECONDS", 0.01)
    async with left(tmp_path, PIECES[0]) as (turn_id, _), opened(tmp_path) as house:
        house.agent.left = lambda: AgentUnreachable("away")
        await house.chat.adopt()
        assert last(await house.follow(ANNA, turn_id))["code"] == "turn_interrupted"


async def test_an_adopted_turn_is_its_owners_alone_and_can_be_stopped(tmp_path: Path) -> None:
    """AP-SES-04"""
    async with left(tmp_path, PIECES[0]) as (turn_id, session_id), opened(tmp_path) as house:
        house.agent.left = lambda: Script(sse(PIECES[0]), asyncio.Event())
        await house.chat.adopt()
        with pytest.raises(NotFound):
            await house.chat.events(BEN, turn_id, after=0)
        with pytest.raises(Conflict) as busy:
            await house.chat.start(ANNA, "more", session_id=session_id, request_id="r2")
        assert busy.value.code == "turn_active"
        assert (await house.chat.cancel(ANNA, turn_id)).status is TurnStatus.CANCELLED
        assert [(session, user) for _, session, user in house.agent.stopped] == [(session_id, ANNA.key)]
        assert (await house.chat.start(ANNA, "more", session_id=session_id, request_id="r2")).session_id == session_id


async def test_who_waits_for_the_whole_answer_hears_that_the_service_goes(tmp_path: Path) -> None:
    """F-24"""
    async with opened(tmp_path) as house:
        house.says(sse(PIECES[0]), asyncio.Event())
        turn = await house.chat.start(ANNA, "What time?", session_id=None, request_id="r1")
        waiting = asyncio.create_task(house.chat.answer(ANNA, turn.turn_id))
        await asyncio.sleep(0)
        await house.chat.shutdown(0, hand_over=True)
        with pytest.raises(StoreUnavailable) as gone:
            await waiting
        assert gone.value.code == "server_closing"


async def test_an_answer_that_is_given_up_is_stopped_at_the_agent_too(house: House) -> None:
    """A connection that closes does not end a run any longer, so whoever gives up says so."""
    house.says(b"data: {not json\n\n", asyncio.Event())
    turn = await house.chat.start(ANNA, "What time?", session_id=None, request_id="r1")
    with pytest.raises(DoorwardError) as garbled:
        await house.chat.answer(ANNA, turn.turn_id)
    assert garbled.value.code == "agent_garbled"
    await house.chat.shutdown(0)  # waits for what is still to be said
    assert [session for _, session, _ in house.agent.stopped] == [turn.session_id]


async def test_a_whole_answer_is_not_stopped(house: House) -> None:
    turn = await house.chat.start(ANNA, "What time?", session_id=None, request_id="r1")
    await house.chat.answer(ANNA, turn.turn_id)
    assert house.agent.stopped == []


async def test_the_numbers_of_a_log_without_an_answer_begin_after_its_first_event(tmp_path: Path) -> None:
    async with left(tmp_path) as (turn_id, _), opened(tmp_path) as house:
        house.agent.left = lambda: Script(sse("hello"))
        await house.chat.adopt()
        seen = await house.follow(ANNA, turn_id)
        assert seen[0] == TurnEvent(1, seen[0].data)
        assert [event.sequence for event in seen] == [1, 2, 3, 4, 5]
