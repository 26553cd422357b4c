"""Conversations, usage and the relay."""

import ast
import asyncio
import inspect
import typing
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.unit.services.house import AGENT, ANNA, House, Script, sse

from doorward.errors import AgentFailed, AgentTimeout, Conflict, InvalidInput, NotFound
from doorward.ports.conversations import ConversationStore
from doorward.services.conversations.service import ConversationsService
from doorward.services.relay import RelayOptions, RelayService
from doorward.services.usage.service import UsageService

pytestmark = pytest.mark.anyio


async def talk(house: House, message: str, session_id: str | None = None) -> str:
    turn = await house.chat.start(ANNA, message, session_id=session_id, request_id="r1")
    await house.chat.answer(ANNA, turn.turn_id)
    return turn.session_id


def imported(module: str, seen: set[str]) -> set[str]:
    """All modules of ours that a module's source names, and theirs, without running any of them."""
    spec = find_spec(module)
    if module in seen or spec is None or spec.origin is None or not module.startswith("doorward"):
        return seen
    seen.add(module)
    for node in ast.walk(ast.parse(Path(spec.origin).read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            try:
                imported(name, seen)
            except ModuleNotFoundError:
                continue
    return seen


async def test_the_conversations_service_has_no_way_to_an_agent_or_a_model() -> None:
    reached = imported("doorward.services.conversations.service", set())
    assert "doorward.ports.conversations" in reached
    assert not {
        name for name in reached if "agent" in name or ".chat." in name or "runtime" in name or "model_" in name
    }
    assert not {name for name in reached if name.startswith("doorward.services.") and "conversations" not in name}
    parameters = inspect.signature(ConversationsService).parameters.values()
    assert [parameter.annotation for parameter in parameters] == [ConversationStore]
    assert "doorward.services.chat.run" in imported("doorward.services.chat.service", set())  # the walk finds things


async def test_its_store_cannot_reach_one_either() -> None:
    methods = [name for name in vars(ConversationStore) if not name.startswith("_")]
    assert methods == ["page", "get", "rename", "delete", "search", "messages"]
    hints = str([typing.get_type_hints(getattr(ConversationStore, name)) for name in methods])
    assert "Agent" not in hints


async def test_history_is_read_without_the_agent(house: House) -> None:
    session_id = await talk(house, "hello")
    await talk(house, "hello", session_id)
    calls = len(house.agent.calls)
    page = await house.conversations.page(ANNA, limit=10, cursor=None, query=None)
    assert [item.message_count for item in page.items] == [4]
    assert [content for _, content, _ in await house.messages(session_id)] == ["hello", "ok", "hello", "ok"]
    assert len(house.agent.calls) == calls


@pytest.mark.parametrize("query", ["", "   ", "x" * 201])
async def test_a_search_has_1_to_200_characters(house: House, query: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await house.conversations.page(ANNA, limit=10, cursor=None, query=query)
    assert refused.value.code == "invalid_query"


async def test_search_finds_names_and_messages(house: House) -> None:
    session_id = await talk(house, "the umbrella question")
    found = await house.conversations.page(ANNA, limit=10, cursor=None, query="umbrella")
    assert [item.session_id for item in found.items] == [session_id]
    assert (await house.conversations.page(ANNA, limit=10, cursor=None, query="sunshade")).items == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "two\nlines", "\x1b[0m"])
async def test_a_name_is_one_line_of_1_to_200_characters(house: House, name: str) -> None:
    session_id = await talk(house, "hello")
    with pytest.raises(InvalidInput):
        await house.conversations.rename(ANNA, session_id, name)


async def test_renaming_answers_with_the_conversation(house: House) -> None:
    session_id = await talk(house, "hello")
    conversation = await house.conversations.rename(ANNA, session_id, " Mine ")
    assert (conversation.name, conversation.renamed) == ("Mine", True)


async def test_a_conversation_is_not_deleted_under_a_running_turn(house: House) -> None:
    go = asyncio.Event()
    house.says(go, sse("ok"))
    turn = await house.chat.start(ANNA, "hello", session_id=None, request_id="r1")
    with pytest.raises(Conflict) as refused:
        await house.conversations.delete(ANNA, turn.session_id)
    assert refused.value.code == "turn_active"
    go.set()
    await house.chat.answer(ANNA, turn.turn_id)
    await house.conversations.delete(ANNA, turn.session_id)
    with pytest.raises(NotFound):
        await house.conversations.delete(ANNA, turn.session_id)
    with pytest.raises(NotFound):
        await house.chat.turn(ANNA, turn.turn_id)


async def test_an_export_has_every_message_in_order(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("doorward.services.conversations.service.EXPORT_PAGE", 3)
    session_id = await talk(house, "0")
    for number in range(1, 5):
        await talk(house, str(number), session_id)
    conversation, pages = await house.conversations.export(ANNA, session_id)
    batches = [page async for page in pages]
    assert conversation.message_count == 10
    assert [message.position for page in batches for message in page] == list(range(1, 11))
    assert len(batches) == 4


async def test_the_first_day_of_usage_is_today_also_when_nothing_was_spent(house: House) -> None:
    usage = UsageService(house.stores.usage, lambda: 1_700_000_000.0)
    [today] = await usage.report(ANNA)
    assert (today.day, today.turns, today.input_tokens) == ("2023-11-14", 0, 0)


async def test_usage_adds_up_by_day(house: House) -> None:
    house.says(sse("ok", {"type": "CUSTOM", "name": "usage", "value": {"inputTokens": 3, "outputTokens": 4}}))
    await talk(house, "hello")
    house.says(sse("ok", {"type": "CUSTOM", "name": "usage", "value": {"inputTokens": 3, "outputTokens": 4}}))
    await talk(house, "hello")
    now = (await house.stores.conversations.page(ANNA.key, limit=1, cursor=None)).items[0].updated_at
    today, *before = await UsageService(house.stores.usage, lambda: now).report(ANNA)
    assert (today.turns, today.input_tokens, today.output_tokens, before) == (2, 6, 8, [])


def relay(house: House, timeout: float = 5.0) -> RelayService:
    options = RelayOptions(agent_arn=AGENT, timeout=timeout, max_answer_bytes=10_000)
    return RelayService(house.invoker, house.meter, options, lambda: 1.7e9)


async def test_the_relay_asks_with_a_turn_token_and_stores_nothing(house: House) -> None:
    house.says(sse("Hi ", "there"))
    answer = await relay(house).send(ANNA, "hello", None, "r1")
    assert (answer.response, len(answer.session_id)) == ("Hi there", 36)
    [call] = house.agent.calls
    assert call.turn_token is not None
    assert call.bearer is None
    assert house.tokens.verify(call.turn_token.reveal(), audience=AGENT).turn_id == answer.turn_id
    assert (await house.conversations.page(ANNA, limit=1, cursor=None, query=None)).items == []


async def test_the_relay_keeps_a_session_id_that_the_caller_proposes(house: House) -> None:
    assert (await relay(house).send(ANNA, "hello", "s" * 40, "r1")).session_id == "s" * 40
    with pytest.raises(InvalidInput):
        await relay(house).send(ANNA, "hello", "../etc", "r1")


async def test_the_relay_reports_failures_and_hangs_up(house: House) -> None:
    script = house.says(sse("half", {"error": "secret", "error_type": "E"}), asyncio.Event())
    with pytest.raises(AgentFailed) as caught:
        await relay(house).send(ANNA, "hello", None, "r1")
    assert "secret" not in caught.value.message
    assert script.closed.is_set()
    slow = house.says(sse("half"), asyncio.Event())
    with pytest.raises(AgentTimeout):
        await relay(house, timeout=0.02).send(ANNA, "hello", None, "r1")
    assert slow.closed.is_set()


async def test_a_caller_who_leaves_the_relay_hangs_up_on_the_agent(house: House) -> None:
    script = Script(asyncio.Event())
    house.agent.answer = lambda _: script
    asking = asyncio.create_task(relay(house).send(ANNA, "hello", None, "r1"))
    await asyncio.sleep(0)
    asking.cancel()
    await asyncio.wait({asking})
    assert script.closed.is_set()
