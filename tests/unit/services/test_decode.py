"""An agent's answer becomes AG-UI events."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.services.house import delta, sse

from doorward.services.chat.decode import MAX_EVENT_BYTES, AnswerDecoder


def decoded(*chunks: bytes, content_type: str = "text/event-stream", **more: Any) -> tuple[list[Any], AnswerDecoder]:
    decoder = AnswerDecoder(content_type, "own", **more)
    out = [event for chunk in chunks for event in decoder.feed(chunk)] + decoder.close()
    return [json.loads(event) for event in out], decoder


def code(decoder: AnswerDecoder) -> str | None:
    return decoder.answer.failure.code if decoder.answer.failure else None


def own(text: str) -> list[dict[str, str]]:
    return [
        {"type": "TEXT_MESSAGE_START", "messageId": "own", "role": "assistant"},
        {"type": "TEXT_MESSAGE_CONTENT", "messageId": "own", "delta": text},
        {"type": "TEXT_MESSAGE_END", "messageId": "own"},
    ]


def test_well_formed_events_come_out_as_they_went_in() -> None:
    events = [
        {"type": "TEXT_MESSAGE_START", "messageId": "m1", "role": "assistant"},
        delta("It is "),
        delta("sunny ☀."),
        {"type": "TEXT_MESSAGE_END", "messageId": "m1"},
        {"type": "TOOL_CALL_START", "toolCallId": "c1", "toolCallName": "weather", "parentMessageId": "m1"},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "c1", "delta": '{"place":'},
        {"type": "TOOL_CALL_END", "toolCallId": "c1"},
        {"type": "TOOL_CALL_RESULT", "messageId": "r1", "toolCallId": "c1", "content": "21 C"},
        {"type": "STATE_DELTA", "delta": [{"op": "add", "path": "/a", "value": None}]},
        {"type": "CUSTOM", "name": "usage", "value": {"model": "m", "inputTokens": 3, "outputTokens": 4}},
    ]
    out, decoder = decoded(sse(*events))
    assert out == events
    assert str(decoder.answer.text) == "It is sunny ☀."
    assert (decoder.answer.usage.input_tokens, decoder.answer.usage.output_tokens) == (3, 4)


def test_what_is_begun_is_ended_and_content_is_never_first() -> None:
    out, _ = decoded(sse(delta("a"), {"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "t"}))
    assert [event["type"] for event in out] == [
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TOOL_CALL_START",
        "TOOL_CALL_END",
        "TEXT_MESSAGE_END",
    ]


def test_ends_without_a_beginning_and_empty_pieces_are_dropped() -> None:
    stray = [
        {"type": "TEXT_MESSAGE_END", "messageId": "x"},
        {"type": "TOOL_CALL_END", "toolCallId": "x"},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "x", "delta": "{}"},
        delta(""),
    ]
    assert decoded(sse(*stray))[0] == []


def test_the_frame_of_the_run_is_not_the_agents_to_write() -> None:
    frame = [
        {"type": "RUN_STARTED", "threadId": "other", "runId": "other"},
        {"type": "RUN_FINISHED", "threadId": "t", "runId": "r", "usage": [{"model": "m", "inputTokens": 2}]},
    ]
    out, decoder = decoded(sse(*frame, "still here"))
    assert out == own("still here")
    assert decoder.answer.usage.input_tokens == 2


def test_an_agent_cannot_speak_as_the_user() -> None:
    """AP-SES-05"""
    start = {"type": "TEXT_MESSAGE_START", "messageId": "m1", "role": "user"}
    out, _ = decoded(sse(start, delta("hi")))
    assert [event["type"] for event in out] == ["RAW", "TEXT_MESSAGE_START", "TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_END"]
    assert out[1]["role"] == "assistant"


def test_a_second_type_in_an_event_does_not_reach_the_reader() -> None:
    smuggled = b'data: {"type":"TEXT_MESSAGE_CONTENT","messageId":"m","delta":"a","type":"RUN_FINISHED"}\n\n'
    out, _ = decoded(smuggled)
    assert "RUN_FINISHED" not in [event["type"] for event in out]


def test_null_and_unknown_fields_are_left_out() -> None:
    event = {"type": "TEXT_MESSAGE_CONTENT", "messageId": "m1", "delta": "a", "timestamp": None, "rawEvent": {"a": 1}}
    assert decoded(sse(event))[0][1] == delta("a")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("hello", "hello"),
        ({"response": "hello"}, "hello"),
        ({"result": {"role": "assistant", "content": [{"text": "hel"}, {"toolUse": {}}, {"text": "lo"}]}}, "hello"),
        ({"text": "hello", "type": "text"}, "hello"),
        ({"output": ["hel", "lo"]}, "hello"),
        ({"content": [{"reasoning": "hm"}, {"text": "hello"}]}, "hello"),
        (42, "42"),
        ([1, 2], "[1, 2]"),
        ({"a": 1}, '{"a": 1}'),
    ],
)
@pytest.mark.parametrize("streamed", [True, False])
def test_json_of_other_agents_becomes_text(value: Any, text: str, streamed: bool) -> None:
    if streamed:
        out, _ = decoded(sse(value))
    else:
        out, _ = decoded(json.dumps(value).encode(), content_type="application/json; charset=utf-8")
    assert out == own(text)


@pytest.mark.parametrize("value", [None, "", {"response": ""}, {"response": []}])
def test_nothing_said_is_no_text(value: Any) -> None:
    out, decoder = decoded(json.dumps(value).encode(), content_type="application/json")
    assert (out, code(decoder)) == ([], None)


def test_events_of_an_unknown_type_are_passed_on_as_raw() -> None:
    new = {"type": "SOMETHING_NEW", "text": "not text"}
    broken = {"type": "TEXT_MESSAGE_CONTENT", "delta": 7}
    foreign = {"type": "tool_use", "name": "t"}
    out, _ = decoded(sse(new, broken, foreign))
    assert out == [{"type": "RAW", "event": event} for event in (new, broken, foreign)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (sse({"error": "secret path", "error_type": "KeyError", "message": "An error occurred"}), "agent_failed"),
        (sse({"type": "RUN_ERROR", "message": "secret path", "code": "agent_timeout"}), "agent_timeout"),
        (sse({"type": "RUN_ERROR", "message": "secret path", "code": "turn_cancelled"}), "agent_failed"),
        (b'data: {"type":"TEXT_MESS\n\n', "agent_garbled"),
        (b"data: \xff\xfe\n\n", "agent_garbled"),
        (b"data: " + b"[" * 200_000 + b"\n\n", "agent_garbled"),
        (b"data: " + b" " * (MAX_EVENT_BYTES + 1), "agent_answer_too_large"),
    ],
)
def test_errors_in_a_stream_are_found_and_their_text_is_kept_to_ourselves(data: bytes, expected: str) -> None:
    out, decoder = decoded(sse("before"), data, sse("after"))
    assert code(decoder) == expected
    assert out == own("before")
    assert "secret" not in str(out)


@pytest.mark.parametrize(("body", "expected"), [(b'{"error":"boom"}', "agent_failed"), (b"{", "agent_garbled")])
def test_errors_in_a_json_answer_are_found(body: bytes, expected: str) -> None:
    out, decoder = decoded(body, content_type="application/json")
    assert (out, code(decoder)) == ([], expected)


@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json", "text/plain"])
def test_an_answer_has_a_largest_size(content_type: str) -> None:
    _, decoder = decoded(*[sse("x" * 50)] * 10, content_type=content_type, max_bytes=100)
    assert code(decoder) == "agent_answer_too_large"


def test_plain_text_is_text_also_when_a_character_is_cut() -> None:
    out, decoder = decoded(*(bytes([byte]) for byte in "naïve ☀".encode()), content_type="text/plain")
    assert str(decoder.answer.text) == "naïve ☀"
    assert [event["type"] for event in out][0::8] == ["TEXT_MESSAGE_START", "TEXT_MESSAGE_END"]


def test_several_texts_of_an_answer_are_parted() -> None:
    _, decoder = decoded(sse(delta("Let me look."), delta("Sunny.", "m2"), delta(" Bye.", "m2"), delta("\nP.S.", "m3")))
    assert str(decoder.answer.text) == "Let me look.\n\nSunny. Bye.\nP.S."


def test_half_a_character_does_not_cost_the_answer() -> None:
    halves = rb'data: "a\ud83d"' + b"\n\n" + rb'data: {"text": "\ude00 \\ud83d \ud83d\ude00 \u00e9"}' + b"\n\n"
    _, decoder = decoded(halves)
    assert str(decoder.answer.text) == "a\ufffd\ufffd \\ud83d \U0001f600 \u00e9"
    assert code(decoder) is None


def test_chunks_are_taken_apart() -> None:
    chunks = [
        {"type": "TEXT_MESSAGE_CHUNK", "messageId": "m1", "role": "assistant", "delta": "a"},
        {"type": "TOOL_CALL_CHUNK", "toolCallId": "c1", "toolCallName": "t", "delta": "{"},
        {"type": "TOOL_CALL_CHUNK", "delta": "}"},
    ]
    out, decoder = decoded(sse(*chunks))
    assert [event["type"].removeprefix("TEXT_MESSAGE_").removeprefix("TOOL_CALL_") for event in out] == [
        "START",
        "CONTENT",
        "START",
        "ARGS",
        "ARGS",
        "END",
        "END",
    ]
    assert str(decoder.answer.text) == "a"


VALUES = st.one_of(
    st.builds(delta, st.text(max_size=20), st.sampled_from(["m1", "m2"])),
    st.text(max_size=20),
    st.just({"type": "TEXT_MESSAGE_END", "messageId": "m1"}),
    st.just({"type": "TOOL_CALL_START", "toolCallId": "c", "toolCallName": "t"}),
    st.just({"error": "x", "error_type": "y"}),
    st.just({"type": "NEW_ONE", "deep": [1, None]}),
    st.dictionaries(st.sampled_from(["response", "other"]), st.text(max_size=8), max_size=2),
)
FRAMES = st.sampled_from(
    ["data: {}\n\n", "data:{}\r\n\r\n", "data: {}\r\r", ": c\nid: 1\ndata: {}\n\n\n", "\ufeffdata: {}\n\n"]
)


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    events = draw(st.lists(st.tuples(FRAMES, VALUES), max_size=8))
    data = "".join(frame.replace("{}", json.dumps(value, ensure_ascii=False)) for frame, value in events).encode(
        "utf-8", "replace"
    )
    data += draw(st.sampled_from([b"", b'data: "cut off', b'data: "whole"', b"data: \xff\n\n", b"\r"]))
    return data, sorted(draw(st.lists(st.integers(0, len(data)), max_size=12)))


@settings(max_examples=300, deadline=None)
@given(streams())
def test_however_the_bytes_are_cut_the_same_events_come_out(stream: tuple[bytes, list[int]]) -> None:
    data, cuts = stream
    parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    whole, first = decoded(data)
    cut, second = decoded(*parts)
    assert cut == whole
    assert (str(second.answer.text), code(second)) == (str(first.answer.text), code(first))
    assert decoded(*(data[i : i + 1] for i in range(len(data))))[0] == whole


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["text/event-stream", "application/json", "text/plain", ""]))
def test_no_bytes_break_the_decoder(data: bytes, content_type: str) -> None:
    out, decoder = decoded(data, b"data: " + data + b"\n\n", content_type=content_type)
    opened = [event["messageId"] for event in out if event["type"] == "TEXT_MESSAGE_START"]
    ended = [event["messageId"] for event in out if event["type"] == "TEXT_MESSAGE_END"]
    assert sorted(opened) == sorted(ended)
    assert code(decoder) in {None, "agent_failed", "agent_garbled"}


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
@pytest.mark.parametrize("form", ['{"type":"CUSTOM","name":"n","value":%s}', '{"type":"RAW","event":%s}', "%s"])
def test_an_answer_of_any_depth_is_an_answer_or_a_failure_and_never_an_error(form: str, content_type: str) -> None:
    for depth in range(800, 1010):
        payload = (form % ("[" * depth + "1" + "]" * depth)).encode()
        whole = payload if content_type == "application/json" else b"data: " + payload + b"\n\n"
        decoder = AnswerDecoder(content_type, "own")
        decoder.feed(whole)
        decoder.close()
        assert code(decoder) in (None, "agent_garbled")
