"""The hosted agent with a model behind an OpenAI-compatible server: a real one, on loopback, that we wrote."""

from pathlib import Path

import pytest
import structlog

from doorward.errors import AgentFailed
from tests.journey.hosting import ANN, BOB, ENVIRONMENT, call, hosted, read, written
from tests.journey.openai_server import openai_server

pytestmark = pytest.mark.anyio


async def test_the_answer_of_the_server_is_streamed_with_its_usage(tmp_path: Path) -> None:
    async with (
        openai_server() as server,
        hosted("", tmp_path, model="openai:local-model", model_url=server.url) as house,
    ):
        events = await house.answer("good day")
        deltas = [event["delta"] for event in events if event["type"] == "TEXT_MESSAGE_CONTENT"]
        assert deltas == ["The ", "server ", "heard: ", "good ", "day "]
        assert events[-1]["value"] == {"model": "local-model", "inputTokens": 11, "outputTokens": 7}
        assert server.requests[0]["model"] == "local-model"
        assert server.keys == ["Bearer none"]


async def test_the_server_calls_a_tool_and_hears_its_result(tmp_path: Path) -> None:
    async with (
        openai_server() as server,
        hosted("", tmp_path, model="openai:local-model", model_url=server.url) as house,
    ):
        events = await house.answer("what time is it?")
        spent = [event for event in events if event.get("name") == "usage"]
        start, first, second, end, result = [event for event in events if event not in spent][:5]
        assert (start["type"], start["toolCallName"]) == ("TOOL_CALL_START", "current_time")
        assert first["delta"] + second["delta"] == '{"timezone": "UTC"}'
        assert end["type"] == "TOOL_CALL_END"
        assert "UTC it is" in result["content"]
        assert server.requests[1]["messages"][-1]["role"] == "tool"
        reply = await house.run("and what time is it now?", accept="application/json")
        whole = await read(reply)
        assert whole["usage"] == {"model": "local-model", "inputTokens": 22, "outputTokens": 14}
        assert server.requests[1]["messages"][-1]["content"] == result["content"]
        assert [event["value"]["inputTokens"] for event in spent] == [11, 11]


async def test_the_key_of_the_server_is_passed_on_by_name_only(tmp_path: Path) -> None:
    environment = {**ENVIRONMENT, "OPENAI_API_KEY": "the-key"}
    async with (
        openai_server() as server,
        hosted(
            "",
            tmp_path,
            model="openai:local-model",
            model_url=server.url,
            environment=environment,
            pass_environment=("OPENAI_API_KEY",),
        ) as house,
    ):
        await house.answer("good day")
        assert server.keys == ["Bearer the-key"]


async def test_any_provider_of_langchain_is_made_by_its_name(tmp_path: Path) -> None:
    """`init_chat_model` makes it; its own variables say where it is, as LangChain's documentation has them."""
    async with openai_server() as server:
        environment = {**ENVIRONMENT, "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": server.url}
        async with hosted(
            "",
            tmp_path,
            model="openai:local-model",
            environment=environment,
            pass_environment=("OPENAI_API_KEY", "OPENAI_BASE_URL"),
        ) as house:
            assert await house.text("good day") == "The server heard: good day "


async def test_a_conversation_is_named_by_the_model(tmp_path: Path) -> None:
    async with (
        openai_server() as server,
        hosted("", tmp_path, model="openai:local-model", model_url=server.url) as house,
    ):
        reply = await house.host.run("doorward-titles", ANN, call({"prompt": "good day", "answer": "yes"}))
        assert await read(reply) == {"name": "A named conversation"}
        sent = server.requests[0]["messages"]
        assert [message["role"] for message in sent] == ["system", "user"]
        assert "good day" not in sent[0]["content"]


async def test_an_error_of_the_server_is_a_failure_of_the_agent(tmp_path: Path) -> None:
    """AP-AUD-07: what the server says about it stays out of answer and log."""
    with structlog.testing.capture_logs() as logs:
        async with (
            openai_server() as server,
            hosted("", tmp_path, model="openai:local-model", model_url=server.url) as house,
        ):
            with pytest.raises(AgentFailed, match=r"^The agent failed\.$"):
                await house.run("please fail")
    assert "canary" not in str(logs)


async def test_a_graph_of_its_own_is_hosted_with_interrupts_and_subgraphs(tmp_path: Path) -> None:
    code = """
        from langchain_core.messages import AIMessage
        from langgraph.graph import MessagesState, START, StateGraph
        from langgraph.types import interrupt

        def ask(state):
            return {"messages": [AIMessage(content=f"You answered {interrupt('may I?')}")]}

        inner = StateGraph(MessagesState)
        inner.add_node("ask", ask)
        inner.add_edge(START, "ask")
        outer = StateGraph(MessagesState)
        outer.add_node("inner", inner.compile())
        outer.add_edge(START, "inner")
        graph = outer.compile()
    """
    async with hosted(written(tmp_path, code), tmp_path) as house:
        (asked,) = await house.answer("go on")
        assert (asked["name"], asked["value"][0]["value"]) == ("interrupt", "may I?")
    async with hosted(tmp_path / "agent.py", tmp_path) as house:
        events = await read(await house.host.run("hello", ANN, call({"resume": "yes"})))
        assert [event["type"] for event in events] == ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END"]
        assert events[1]["delta"] == "You answered yes"


async def test_a_graph_with_a_memory_of_its_own_keeps_users_apart(tmp_path: Path) -> None:
    """AP-SES-06"""
    code = """
        from langchain_core.messages import AIMessage
        from langgraph.checkpoint.memory import InMemorySaver
        from langgraph.graph import MessagesState, START, StateGraph

        builder = StateGraph(MessagesState)
        builder.add_node("count", lambda state: {"messages": [AIMessage(content=str(len(state["messages"])))]})
        builder.add_edge(START, "count")
        graph = builder.compile(checkpointer=InMemorySaver())
    """
    async with hosted(written(tmp_path, code), tmp_path) as house:
        assert [await house.text("x"), await house.text("x"), await house.text("x", who=BOB)] == ["1", "3", "1"]


async def test_a_graph_without_messages_takes_the_payload_and_answers_its_values(tmp_path: Path) -> None:
    code = """
        from typing import TypedDict
        from langgraph.graph import START, StateGraph

        class State(TypedDict):
            prompt: str
            length: int

        builder = StateGraph(State)
        builder.add_node("measure", lambda state: {"length": len(state["prompt"])})
        builder.add_edge(START, "measure")
        graph = builder.compile()
    """
    async with hosted(written(tmp_path, code), tmp_path) as house:
        assert await house.text("four") == '{"prompt": "four", "length": 4}'
