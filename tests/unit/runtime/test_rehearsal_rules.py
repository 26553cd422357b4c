"""The rules of the rehearsal model."""

from typing import Any

import pytest

from doorward.runtime.worker.rehearsal_rules import MAX_WORDS, Spoken, ToolCall, ToolResult, answer_to, pieces_of

WEATHER: dict[str, Any] = {
    "name": "weather",
    "description": "Tell the weather.",
    "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}
TIME: dict[str, Any] = {
    "name": "current_time",
    "description": "Tell the time.",
    "parameters": {"type": "object", "properties": {"timezone": {"type": "string"}}},
}
TOOLS = [WEATHER, TIME]


def user(text: str) -> Spoken:
    return Spoken(who="user", text=text)


def says(*texts: str) -> str:
    return "".join(pieces_of(answer_to([user(text) for text in texts], TOOLS)))


@pytest.mark.parametrize(
    ("message", "calls"),
    [
        ("What is the weather in Seattle?", (ToolCall(name="weather", arguments={"place": "Seattle"}),)),
        ("Will it rain in New York today?", (ToolCall(name="weather", arguments={"place": "New York"}),)),
        ("weather for 47.6,-122.3 please", (ToolCall(name="weather", arguments={"place": "47.6,-122.3"}),)),
        ("what time is it", (ToolCall(name="current_time", arguments={}),)),
        ("What is the date in Tokyo?", (ToolCall(name="current_time", arguments={"timezone": "Tokyo"}),)),
        (
            "time in Tokyo and weather in Boston",
            (
                ToolCall(name="weather", arguments={"place": "Boston"}),
                ToolCall(name="current_time", arguments={"timezone": "Tokyo"}),
            ),
        ),
    ],
)
def test_a_question_asks_for_the_tool_that_it_names(message: str, calls: tuple[ToolCall, ...]) -> None:
    assert answer_to([user(message)], TOOLS).calls == calls


def test_a_tool_is_found_by_its_name_and_its_parameters_by_their_types() -> None:
    parameters = {
        "type": "object",
        "properties": {"count": {"type": "integer"}, "color": {"enum": ["red", "blue"]}, "size": {"type": "number"}},
        "required": ["count", "color"],
    }
    tool = {"name": "order_balloons", "description": "", "parameters": parameters}
    reply = answer_to([user("Please order 3 blue balloons")], [tool])
    assert reply.calls == (ToolCall(name="order_balloons", arguments={"count": 3, "color": "blue", "size": 3.0}),)


def test_a_missing_required_parameter_is_asked_for() -> None:
    assert says("How is the weather?") == "Please tell me the place for weather."


def test_without_tools_no_tool_is_called() -> None:
    assert answer_to([user("weather in Seattle")], []).calls == ()


def test_results_of_tools_become_sentences() -> None:
    results = [
        Spoken(who="tool", text="", result=ToolResult(name="weather", text="Rain.")),
        Spoken(who="tool", text="", result=ToolResult(name="current_time", text="12:00")),
        Spoken(who="tool", text="", result=ToolResult(name="weather", text="no network", failed=True)),
    ]
    reply = answer_to([user("weather in Boston"), *results], TOOLS)
    assert reply.text == "Rain. Current time: 12:00. The tool weather failed: no network"


def test_a_name_is_remembered_from_the_conversation() -> None:
    assert says("My name is Ada.", "fine", "What is my name?") == "Your name is Ada."
    assert says("What is my name?") == "You have not told me your name."
    assert says("my name is Ada", "hello").startswith("Hello, Ada!")


def test_what_was_said_before_is_repeated() -> None:
    assert says("the sky is green", "What did I say?") == "You said: the sky is green"
    assert says("What did I say?") == "You have said nothing before this."


def test_a_greeting_says_that_it_is_no_language_model() -> None:
    assert "no language model" in says("Hello")


def test_anything_else_is_echoed() -> None:
    assert says("the sky is green") == "You said: the sky is green"
    assert says("  ") == "You said nothing."


def test_streams_as_many_numbered_words_as_asked() -> None:
    assert list(pieces_of(answer_to([user("please stream 3 words")], []))) == ["1 ", "2 ", "3"]
    assert answer_to([user("please stream 999999999 words")], []).count == MAX_WORDS


def test_waits_as_long_as_asked_but_a_minute_at_most() -> None:
    assert answer_to([user("please wait 2.5 seconds")], []).wait == 2.5
    assert answer_to([user("please wait 500 seconds")], []).wait == 60


def test_fails_when_asked() -> None:
    assert answer_to([user("please fail")], []).failure


def test_text_comes_in_pieces_of_a_word_and_loses_nothing() -> None:
    text = "You said:  two\nlines "
    assert "".join(pieces_of(answer_to([user("x")], []).__class__(text=text))) == text
