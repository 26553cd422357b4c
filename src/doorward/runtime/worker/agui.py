"""Builds the AG-UI events that our adapters emit. Pure: no framework, no input or output."""

import uuid

from doorward.runtime.wire import SAFE_FAILURE
from doorward.runtime.worker.adapter import Event


def run_error(code: str = "agent_failed", message: str = SAFE_FAILURE) -> Event:
    """The last event of a run that failed."""
    return {"type": "RUN_ERROR", "message": message, "code": code}


def usage(model: str, input_tokens: int, output_tokens: int) -> Event:
    """What the run spent, in tokens."""
    value = {"model": model, "inputTokens": input_tokens, "outputTokens": output_tokens}
    return {"type": "CUSTOM", "name": "usage", "value": value}


def custom(name: str, value: object) -> Event:
    """Anything else that has a name."""
    return {"type": "CUSTOM", "name": name, "value": value}


def tool_result(message_id: str, call_id: str, content: str) -> Event:
    """What a tool answered."""
    return {"type": "TOOL_CALL_RESULT", "messageId": message_id, "toolCallId": call_id, "content": content}


class TextWriter:
    """Frames pieces of text as messages: a message starts with its first piece and ends before anything else."""

    def __init__(self) -> None:
        self._open = ""

    def piece(self, delta: str, message_id: str = "") -> list[Event]:
        """A piece of the present message, or of `message_id` if that is another. Empty pieces are dropped."""
        if not delta:
            return []
        content = {"type": "TEXT_MESSAGE_CONTENT", "messageId": self._open, "delta": delta}
        if self._open and message_id in ("", self._open):
            return [content]
        before = self.end()
        self._open = message_id or uuid.uuid4().hex
        start = {"type": "TEXT_MESSAGE_START", "messageId": self._open, "role": "assistant"}
        return [*before, start, content | {"messageId": self._open}]

    def end(self) -> list[Event]:
        """End the present message, if there is one."""
        if not self._open:
            return []
        ended, self._open = self._open, ""
        return [{"type": "TEXT_MESSAGE_END", "messageId": ended}]


class ToolWriter:
    """Frames a tool call: start, pieces of its arguments, end."""

    def __init__(self) -> None:
        self._open: list[str] = []

    def start(self, call_id: str, name: str, parent: str) -> list[Event]:
        """A call begins."""
        self._open.append(call_id)
        event = {"type": "TOOL_CALL_START", "toolCallId": call_id, "toolCallName": name}
        return [event | {"parentMessageId": parent} if parent else event]

    def arguments(self, call_id: str, delta: str) -> list[Event]:
        """A piece of its arguments (JSON text)."""
        return [{"type": "TOOL_CALL_ARGS", "toolCallId": call_id, "delta": delta}] if delta else []

    def end(self) -> list[Event]:
        """Every open call is complete."""
        ended, self._open = self._open, []
        return [{"type": "TOOL_CALL_END", "toolCallId": call_id} for call_id in ended]
