"""Turns an agent's answer, as bytes, into AG-UI events; pure. Called by a running turn and by the relay.

An answer is a stream of server-sent events, one JSON value each, or one JSON document, or plain text. Agents of ours
send AG-UI events; agents written for the AgentCore SDK send any JSON: strings and the usual fields for text
(``response``, ``result``, ...) become text, the SDK's error event becomes a failure, and what is not understood is
passed on as RAW or as its JSON text. The frame of a run (RUN_STARTED, RUN_FINISHED, RUN_ERROR) is never taken from an
agent: its caller writes it.
"""

import codecs
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from doorward.model.chat import Usage
from doorward.services.caps import Caps
from doorward.services.chat import agui
from doorward.services.chat.failures import Failure, failure_from_agent
from doorward.services.chat.foreign import ForeignError, ForeignText, known_event, read_foreign, read_json
from doorward.services.chat.sse import SseReader

MAX_EVENT_BYTES = 1_048_576
MAX_ANSWER_BYTES = 10_485_760


class Answer(Struct):
    """What an answer came to. `failure` is set when it did not come to its end; `steps` are calls of model and tool."""

    text: agui.AnswerText
    usage: Usage = Usage()
    failure: Failure | None = None
    steps: int = 0


class AnswerDecoder:
    """Bytes in as they arrive, encoded events out. Refuses events above 1 MiB and answers above `max_bytes`.

    `message_id` names the text of agents that do not name it themselves. After a failure nothing more is taken. An
    answer that goes on beyond `caps` has failed; one that has only its end left has not.
    INVARIANT: however the same bytes are cut into chunks, the same events come out.
    INVARIANT: every text and tool call that is begun is ended, and none has content before it is begun.
    """

    def __init__(
        self, content_type: str, message_id: str, *, max_bytes: int = MAX_ANSWER_BYTES, caps: Caps | None = None
    ) -> None:
        self.answer = Answer(agui.AnswerText())
        self._caps = caps
        self._too_dear = False
        self._unanswered: set[str] = set()
        self._message_id = message_id
        self._left = max_bytes
        self._texts: dict[str, None] = {}
        self._tool_calls: dict[str, None] = {}
        self._last_call = ""
        self._out: list[bytes] = []
        kind = content_type.partition(";")[0].strip().lower()
        self._events = SseReader(MAX_EVENT_BYTES) if kind == "text/event-stream" else None
        self._document = bytearray() if kind == "application/json" or kind.endswith("+json") else None
        self._plain = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes."""
        if self.answer.failure is not None:
            return []
        if self._events is not None:
            self._take_all(self._events, self._events.feed(chunk))
        elif len(chunk) > self._left:
            self._fail(Failure("agent_answer_too_large"))
        else:
            self._left -= len(chunk)
            if self._document is not None:
                self._document += chunk
            else:
                self._text(self._message_id, self._plain.decode(chunk))
        return self._flush()

    def close(self) -> list[bytes]:
        """The events that the end of the answer brings: what was held back, and the ends of what is open."""
        if self.answer.failure is None:
            if self._events is not None:
                self._take_all(self._events, self._events.close())
            elif self._document is not None:
                self._take(bytes(self._document))
            else:
                self._text(self._message_id, self._plain.decode(b"", final=True))
        return [*self._flush(), *self.give_up()]

    def give_up(self) -> list[bytes]:
        """Only the ends of what is open: the answer will not go on."""
        calls = [agui.encode(agui.ToolCallEnd(tool_call_id=name)) for name in self._tool_calls]
        texts = [agui.encode(agui.TextMessageEnd(message_id=name)) for name in self._texts]
        self._tool_calls.clear()
        self._texts.clear()
        return calls + texts

    def _flush(self) -> list[bytes]:
        out, self._out = self._out, []
        return out

    def _take_all(self, reader: SseReader, payloads: list[bytes]) -> None:
        for payload in payloads:
            self._left -= len(payload)
            if self._left < 0:
                self._fail(Failure("agent_answer_too_large"))
                return
            self._take(payload)
            if self.answer.failure is not None:
                return
        if reader.too_large:
            self._fail(Failure("agent_answer_too_large"))

    def _take(self, payload: bytes) -> None:
        try:
            self._take_event(payload)
        except RecursionError:  # just shallow enough to be read, and too deep to be written
            self._fail(Failure("agent_garbled"))

    def _take_event(self, payload: bytes) -> None:
        try:
            event = agui.decode_event(payload)
        except (ValueError, RecursionError):
            self._take_foreign(payload)
        else:
            self._accept(event)

    def _take_foreign(self, payload: bytes) -> None:
        if payload == b"[DONE]":
            return
        try:
            value, payload = read_json(payload)
        except (ValueError, RecursionError):
            self._fail(Failure("agent_garbled"))
            return
        event = known_event(value)
        if event is not None:
            self._accept(event)
            return
        match read_foreign(value, payload):
            case ForeignError():
                self._fail(failure_from_agent(None))
            case ForeignText(text):
                if isinstance(value, dict) and isinstance(value.get("usage"), dict):
                    self._count_claimed(value["usage"])
                self._text(self._message_id, text)
            case agui.Raw() as raw:
                self._out.append(agui.encode(raw))

    def _accept(self, event: agui.Event) -> None:
        if self._too_dear and type(event) in _GOING_ON:
            self._fail(Failure("turn_cost_exceeded"))
            return
        if type(event) is agui.TextMessageContent:
            if event.delta:
                self._begin(event.message_id)
                self.answer.text.add(event.message_id, event.delta)
                self._out.append(agui.encode(event))
            return
        handle = _HANDLERS.get(type(event))
        if handle is None:
            self._out.append(agui.encode(event))
        else:
            handle(self, event)

    def _text(self, message_id: str, delta: str) -> None:
        if delta:
            self._accept(agui.TextMessageContent(message_id=message_id, delta=delta))

    def _begin(self, message_id: str) -> None:
        if message_id not in self._texts:
            self._texts[message_id] = None
            self._out.append(agui.encode(agui.TextMessageStart(message_id=message_id)))

    def _fail(self, failure: Failure) -> None:
        self.answer.failure = failure

    def _on_text_start(self, event: agui.TextMessageStart) -> None:
        self._begin(event.message_id)

    def _on_text_chunk(self, event: agui.TextMessageChunk) -> None:
        self._text(self._message_id if event.message_id is UNSET else event.message_id, event.delta)

    def _on_text_end(self, event: agui.TextMessageEnd) -> None:
        if event.message_id in self._texts:
            del self._texts[event.message_id]
            self._out.append(agui.encode(event))

    def _on_tool_start(self, event: agui.ToolCallStart) -> None:
        if event.tool_call_id not in self._tool_calls:
            self._tool_calls[event.tool_call_id] = None
            self._last_call = event.tool_call_id
            self._unanswered.add(event.tool_call_id)
            self._out.append(agui.encode(event))
            self._step()

    def _on_tool_args(self, event: agui.ToolCallArgs) -> None:
        if event.tool_call_id in self._tool_calls and event.delta:
            self._out.append(agui.encode(event))

    def _on_tool_end(self, event: agui.ToolCallEnd) -> None:
        if event.tool_call_id in self._tool_calls:
            del self._tool_calls[event.tool_call_id]
            self._out.append(agui.encode(event))

    def _on_tool_chunk(self, event: agui.ToolCallChunk) -> None:
        call = self._last_call if event.tool_call_id is UNSET else event.tool_call_id
        if call and event.tool_call_name:
            name, parent = event.tool_call_name, event.parent_message_id
            self._accept(agui.ToolCallStart(tool_call_id=call, tool_call_name=name, parent_message_id=parent))
        if call:
            self._accept(agui.ToolCallArgs(tool_call_id=call, delta=event.delta))

    def _on_tool_result(self, event: agui.ToolCallResult) -> None:
        self._unanswered.discard(event.tool_call_id)
        self._out.append(agui.encode(event))

    def _step(self) -> None:
        self.answer.steps += 1
        if self._caps is not None and self._caps.too_many(self.answer.steps):
            self._fail(Failure("turn_steps_exceeded"))

    def _on_run_finished(self, event: agui.RunFinished) -> None:
        for count in [] if event.usage is UNSET else event.usage:
            self._count(count)

    def _on_run_error(self, event: agui.RunError) -> None:
        self._fail(failure_from_agent(event.code))

    def _on_custom(self, event: agui.Custom) -> None:
        self._out.append(agui.encode(event))
        if event.name == "usage":
            self._count_claimed(event.value)

    def _count_claimed(self, value: object) -> None:
        try:
            self._count(msgspec.convert(value, agui.TokenCount))
        except msgspec.ValidationError:
            return  # of another shape: the agent's own affair

    def _count(self, count: agui.TokenCount) -> None:
        before = self.answer.usage
        self.answer.usage = Usage(
            model=count.model or before.model,
            input_tokens=before.input_tokens + count.input_tokens,
            output_tokens=before.output_tokens + count.output_tokens,
        )
        self._step()
        if self._caps is not None and self._caps.too_dear(self.answer.usage):
            self._too_dear = True
            if self._unanswered and self.answer.failure is None:  # tools are about to be run
                self._fail(Failure("turn_cost_exceeded"))

    def _ignore(self, event: agui.Event) -> None:
        """The frame of the run is not the agent's to write."""


# What says that an answer goes on, and not only comes to its end.
_GOING_ON = frozenset(
    {
        agui.ReasoningStart,
        agui.ReasoningMessageStart,
        agui.StepStarted,
        agui.TextMessageChunk,
        agui.TextMessageContent,
        agui.TextMessageStart,
        agui.ToolCallChunk,
        agui.ToolCallResult,
        agui.ToolCallStart,
    }
)
_HANDLERS: dict[type[agui.Event], Callable[[AnswerDecoder, Any], None]] = {
    agui.RunStarted: AnswerDecoder._ignore,  # noqa: SLF001 - the table belongs to the class
    agui.RunFinished: AnswerDecoder._on_run_finished,  # noqa: SLF001
    agui.RunError: AnswerDecoder._on_run_error,  # noqa: SLF001
    agui.TextMessageStart: AnswerDecoder._on_text_start,  # noqa: SLF001
    agui.TextMessageChunk: AnswerDecoder._on_text_chunk,  # noqa: SLF001
    agui.TextMessageEnd: AnswerDecoder._on_text_end,  # noqa: SLF001
    agui.ToolCallStart: AnswerDecoder._on_tool_start,  # noqa: SLF001
    agui.ToolCallChunk: AnswerDecoder._on_tool_chunk,  # noqa: SLF001
    agui.ToolCallArgs: AnswerDecoder._on_tool_args,  # noqa: SLF001
    agui.ToolCallEnd: AnswerDecoder._on_tool_end,  # noqa: SLF001
    agui.ToolCallResult: AnswerDecoder._on_tool_result,  # noqa: SLF001
    agui.Custom: AnswerDecoder._on_custom,  # noqa: SLF001
}
