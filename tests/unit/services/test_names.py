"""Names of conversations: at once, then by the model, never in the way."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.services.house import ANNA, TITLES, House, Script, opened, sse

from doorward.errors import AgentUnreachable
from doorward.model.agent import AgentCall
from doorward.services.chat.names import cleaned_name, first_name

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, titles_arn=TITLES) as one:
        yield one


class Titles:
    """The hello agent answers "Hi"; the titles agent gives `reply`, when `go` is set."""

    def __init__(self, house: House, reply: bytes | BaseException) -> None:
        self.go = asyncio.Event()
        self.reply = reply
        self.calls: list[AgentCall] = []
        house.agent.answer = self.answer

    def answer(self, call: AgentCall) -> Script:
        if call.agent != TITLES:
            return Script(sse("Hi"))
        self.calls.append(call)
        return Script(self.go, self.reply, content_type="application/json")


async def talk(house: House, message: str, session_id: str | None = None) -> str:
    turn = await house.chat.start(ANNA, message, session_id=session_id, request_id="r1")
    await house.chat.answer(ANNA, turn.turn_id)
    return turn.session_id


async def named(house: House) -> None:
    assert house.chat._names is not None
    await asyncio.gather(*house.chat._names._tasks)


async def name_of(house: House, session_id: str) -> str:
    page = await house.conversations.page(ANNA, limit=10, cursor=None, query=None)
    return {item.session_id: item.name for item in page.items}[session_id]


async def test_the_answer_does_not_wait_for_the_name(house: House) -> None:
    titles = Titles(house, b'{"name": "Weather in Graz"}')
    session_id = await talk(house, "What is the weather?")
    assert await name_of(house, session_id) == "What is the weather?"
    titles.go.set()
    await named(house)
    assert await name_of(house, session_id) == "Weather in Graz"


async def test_the_titles_agent_is_asked_in_a_session_of_its_own_with_a_token_for_it_alone(house: House) -> None:
    titles = Titles(house, b'{"name": "A"}')
    titles.go.set()
    session_id = await talk(house, "hello")
    await named(house)
    [call] = titles.calls
    assert json.loads(call.payload) == {"prompt": "hello", "answer": "Hi"}
    assert call.session_id != session_id
    assert call.turn_token is not None
    identity = house.tokens.verify(call.turn_token.reveal(), audience=TITLES)
    assert (identity.owner_key, identity.session_id) == (ANNA.key, call.session_id)


async def test_only_the_first_answer_is_named(house: House) -> None:
    titles = Titles(house, b'{"name": "A"}')
    titles.go.set()
    session_id = await talk(house, "hello", "c" * 36)
    await named(house)
    await talk(house, "and more", session_id)
    await named(house)
    assert len(titles.calls) == 1
    assert await name_of(house, session_id) == "A"


async def test_a_name_that_the_user_gave_stays(house: House) -> None:
    titles = Titles(house, b'{"name": "The model\'s"}')
    session_id = await talk(house, "hello")
    await house.conversations.rename(ANNA, session_id, "Mine")
    titles.go.set()
    await named(house)
    assert await name_of(house, session_id) == "Mine"


@pytest.mark.parametrize(
    "reply",
    [b"{", b"\xff", b'{"title": "x"}', b'{"name": ""}', b"x" * 20_000, AgentUnreachable("gone"), b'{"name": 3}'],
)
async def test_a_name_that_cannot_be_had_troubles_nobody(house: House, reply: bytes | BaseException) -> None:
    titles = Titles(house, reply)
    titles.go.set()
    session_id = await talk(house, "hello")
    await named(house)
    assert await name_of(house, session_id) == "hello"


async def test_a_failed_turn_is_not_named(house: House) -> None:
    house.agent.answer = lambda _: AgentUnreachable("gone")
    turn = await house.chat.start(ANNA, "hello", session_id=None, request_id="r1")
    with pytest.raises(AgentUnreachable):
        await house.chat.answer(ANNA, turn.turn_id)
    await named(house)
    assert len(house.agent.calls) == 1


async def test_shutting_down_does_not_wait_for_names(house: House) -> None:
    titles = Titles(house, b"{}")
    await talk(house, "hello")
    await asyncio.sleep(0)
    assert titles.calls
    await house.chat.shutdown(0)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("What time is it?", "What time is it?"),
        ("\n\n  two   words\nmore", "two words"),
        ("   \n\t", "New conversation"),
        ("a\x00b\x1b[31m\u202ec", "ab[31mc"),
        ("word " * 40, "word word word word word word word word word word word…"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
async def test_the_first_name_is_the_first_line_cut_at_a_word(message: str, name: str) -> None:
    assert first_name(message) == name
    assert len(first_name(message)) <= 60


@pytest.mark.parametrize(
    ("proposed", "name"),
    [('"Weather in Graz."', "Weather in Graz"), ("**Bold**\n", "Bold"), ("\x07", ""), ("yy " * 99, "yy " * 25 + "yy…")],
)
async def test_a_models_name_is_one_plain_line(proposed: str, name: str) -> None:
    assert cleaned_name(proposed) == name
