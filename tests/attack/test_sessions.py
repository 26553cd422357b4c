"""Attacks on conversations and turns of another user, at the services (AP-SES)."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.services.house import ANNA, BEN, House, delta, opened, sse

from doorward.errors import NotFound
from doorward.services.usage.service import UsageService

pytestmark = pytest.mark.anyio

Attack = Callable[[House, str, str], Awaitable[Any]]


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as one:
        yield one


async def victim(house: House, *, running: bool) -> tuple[str, str, asyncio.Event]:
    """A turn of Anna's with a secret in it, running or ended."""
    go = asyncio.Event()
    if not running:
        go.set()
    house.says(sse(delta("the secret ")), go, sse(delta("is blue")))
    turn = await house.chat.start(ANNA, "tell me the secret", session_id=None, request_id="r1")
    if not running:
        await house.chat.answer(ANNA, turn.turn_id)
    return turn.turn_id, turn.session_id, go


ATTACKS: dict[str, Attack] = {
    "turn": lambda house, turn, _: house.chat.turn(BEN, turn),
    "answer": lambda house, turn, _: house.chat.answer(BEN, turn),
    "events": lambda house, turn, _: house.chat.events(BEN, turn, after=0),
    "resume": lambda house, turn, _: house.chat.events(BEN, turn, after=2),
    "cancel": lambda house, turn, _: house.chat.cancel(BEN, turn),
    "read": lambda house, _, session: house.conversations.read(BEN, session, limit=10, cursor=None, newest_first=False),
    "rename": lambda house, _, session: house.conversations.rename(BEN, session, "mine"),
    "delete": lambda house, _, session: house.conversations.delete(BEN, session),
    "export": lambda house, _, session: house.conversations.export(BEN, session),
}


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("attack", ATTACKS)
async def test_another_users_turn_or_conversation_is_not_found_and_not_touched(
    house: House, attack: str, running: bool
) -> None:
    """AP-SES-01, AP-SES-04"""
    turn_id, session_id, go = await victim(house, running=running)
    with pytest.raises(NotFound) as stolen:
        await ATTACKS[attack](house, turn_id, session_id)
    with pytest.raises(NotFound) as missing:
        await ATTACKS[attack](house, "0" * 36, "0" * 36)
    assert (stolen.value.code, stolen.value.message) == (missing.value.code, missing.value.message)
    go.set()
    assert (await house.chat.answer(ANNA, turn_id)).response == "the secret is blue"
    assert house.agent.stopped == []


async def test_a_session_id_of_another_user_names_a_new_conversation_of_ones_own(house: House) -> None:
    """AP-SES-02"""
    _, session_id, _ = await victim(house, running=False)
    house.says(sse("who are you?"))
    turn = await house.chat.start(BEN, "go on", session_id=session_id, request_id="r2")
    await house.chat.answer(BEN, turn.turn_id)
    assert [content for _, content, _ in await house.messages(session_id, BEN)] == ["go on", "who are you?"]
    assert len(await house.messages(session_id, ANNA)) == 2
    assert [call.user_id for call in house.agent.calls] == [ANNA.key, BEN.key]


async def test_another_users_running_turn_does_not_block_a_conversation_of_the_same_id(house: House) -> None:
    """AP-SES-02"""
    _, session_id, go = await victim(house, running=True)
    house.says(sse("fine"))
    turn = await house.chat.start(BEN, "hello", session_id=session_id, request_id="r2")
    assert (await house.chat.answer(BEN, turn.turn_id)).response == "fine"
    go.set()


async def test_lists_searches_and_usage_show_only_ones_own(house: House) -> None:
    """AP-SES-03"""
    await victim(house, running=False)
    for query in (None, "secret", "blue"):
        assert (await house.conversations.page(BEN, limit=10, cursor=None, query=query)).items == []
        assert len((await house.conversations.page(ANNA, limit=10, cursor=None, query=query)).items) == 1
    assert [day.turns for day in await UsageService(house.stores.usage, lambda: 1e9).report(BEN)] == [0]


async def test_ids_cannot_be_guessed(house: House) -> None:
    """AP-SES-02: turns started in the same millisecond share no more than the time."""
    turns = await asyncio.gather(*(house.chat.start(ANNA, "hi", session_id=None, request_id="r") for _ in range(20)))
    assert len({turn.turn_id for turn in turns}) == len({turn.turn_id[14:] for turn in turns}) == 20
    assert len({turn.session_id for turn in turns}) == 20
