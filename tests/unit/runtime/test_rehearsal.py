"""The rehearsal model as LangChain sees it."""

import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage

from doorward.runtime.worker.rehearsal import RehearsalChatModel, RehearsalFailure

pytestmark = pytest.mark.anyio


def weather(place: str) -> str:
    """Tell the weather."""
    return place


async def test_streams_word_by_word_and_says_that_it_is_no_language_model() -> None:
    chunks = [chunk async for chunk in RehearsalChatModel().astream("the sky is green")]
    assert [chunk.content for chunk in chunks if chunk.content] == ["You ", "said: ", "the ", "sky ", "is ", "green"]
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert isinstance(whole, AIMessageChunk)
    assert whole.response_metadata["model_name"] == "rehearsal"
    assert "no language model" in whole.response_metadata["notice"]
    assert whole.usage_metadata == {"input_tokens": 4, "output_tokens": 6, "total_tokens": 10}


async def test_calls_a_bound_tool_and_speaks_its_result() -> None:
    model = RehearsalChatModel().bind_tools([weather])
    asked = HumanMessage("weather in Boston?")
    answer = await model.ainvoke([asked])
    (call,) = answer.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"place": "Boston"})
    result = ToolMessage("Rain.", name="weather", tool_call_id=call["id"])
    assert (await model.ainvoke([asked, answer, result])).text == "Rain."


def test_answers_the_same_without_a_loop() -> None:
    model = RehearsalChatModel()
    assert model.invoke("hello").text == model.invoke("hello").text
    assert model.invoke("hello").response_metadata["model_name"] == "rehearsal"


async def test_raises_when_asked_to_fail() -> None:
    with pytest.raises(RehearsalFailure):
        await RehearsalChatModel().ainvoke("please fail")
