"""Framing of AG-UI events."""

from doorward.runtime.worker.agui import TextWriter, ToolWriter


def types(events: list[dict[str, object]]) -> list[object]:
    return [event["type"] for event in events]


def test_a_message_starts_with_its_first_piece_and_ends_once() -> None:
    text = TextWriter()
    assert text.piece("", "m1") == []
    assert types(text.piece("a", "m1")) == ["TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"]
    assert text.piece("b", "m1") == [{"type": "TEXT_MESSAGE_CONTENT", "messageId": "m1", "delta": "b"}]
    assert text.end() == [{"type": "TEXT_MESSAGE_END", "messageId": "m1"}]
    assert text.end() == []


def test_another_message_ends_the_one_before() -> None:
    text = TextWriter()
    text.piece("a", "m1")
    events = text.piece("b", "m2")
    assert types(events) == ["TEXT_MESSAGE_END", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT"]
    assert [event["messageId"] for event in events] == ["m1", "m2", "m2"]


def test_every_open_tool_call_is_ended() -> None:
    tools = ToolWriter()
    assert tools.start("c1", "weather", "") == [
        {"type": "TOOL_CALL_START", "toolCallId": "c1", "toolCallName": "weather"}
    ]
    tools.start("c2", "time", "m1")
    assert [event["toolCallId"] for event in tools.end()] == ["c1", "c2"]
    assert tools.end() == []
