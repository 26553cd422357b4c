"""The events of the AG-UI vocabulary as typed data: what passes the agent's answer is decoded into these and encoded
anew, so nothing that an agent hides in an event (a second ``type``, an unknown field) reaches a reader.

Field names are camelCase on the wire, and optional fields are left out, never null (AG-UI Python SDK 0.1).
"""

import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from doorward.model.chat import TurnEvent, Usage

Identifier = Annotated[str, Meta(min_length=1, max_length=512)]
Tokens = Annotated[int, Meta(ge=0, le=1_000_000_000)]


def _tag(class_name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).upper()


class Event(Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag=_tag, rename="camel"):
    """What every event may carry."""

    timestamp: int | float | UnsetType = UNSET


class TokenCount(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a model reported, as an agent passes it on."""

    model: str = ""
    input_tokens: Tokens = 0
    output_tokens: Tokens = 0


class RunStarted(Event, frozen=True):
    """The first event of a run."""

    thread_id: str
    run_id: str


class Success(Struct, frozen=True, tag_field="type", tag="success"):
    """The outcome of a run that came to its end."""


class RunFinished(Event, frozen=True):
    """The last event of a run that came to its end."""

    thread_id: str
    run_id: str
    outcome: Success | UnsetType = UNSET
    usage: list[TokenCount] | UnsetType = UNSET


class RunError(Event, frozen=True):
    """The last event of a run that did not."""

    message: str
    code: str | UnsetType = UNSET


class StepStarted(Event, frozen=True):
    """A named step begins."""

    step_name: str


class StepFinished(Event, frozen=True):
    """A named step ends."""

    step_name: str


class TextMessageStart(Event, frozen=True):
    """A text of the assistant begins. An agent cannot speak in another role."""

    message_id: Identifier
    role: Literal["assistant"] = "assistant"


class TextMessageContent(Event, frozen=True):
    """The next piece of a text; the pieces together are the text."""

    message_id: Identifier
    delta: str


class TextMessageEnd(Event, frozen=True):
    """A text is whole."""

    message_id: Identifier


class TextMessageChunk(Event, frozen=True):
    """START, CONTENT and END in one; it is taken apart before it is stored."""

    message_id: Identifier | UnsetType = UNSET
    delta: str = ""


class ToolCallStart(Event, frozen=True):
    """The agent calls a tool."""

    tool_call_id: Identifier
    tool_call_name: str
    parent_message_id: str | UnsetType = UNSET


class ToolCallArgs(Event, frozen=True):
    """The next piece of a tool call's arguments (JSON in pieces)."""

    tool_call_id: Identifier
    delta: str


class ToolCallEnd(Event, frozen=True):
    """The arguments are whole."""

    tool_call_id: Identifier


class ToolCallChunk(Event, frozen=True):
    """START and ARGS in one; it is taken apart before it is stored."""

    tool_call_id: Identifier | UnsetType = UNSET
    tool_call_name: str = ""
    parent_message_id: str | UnsetType = UNSET
    delta: str = ""


class ToolCallResult(Event, frozen=True):
    """What the tool answered."""

    message_id: Identifier
    tool_call_id: Identifier
    content: str
    role: Literal["tool"] | UnsetType = UNSET


class StateSnapshot(Event, frozen=True):
    """The agent's state that a page may show."""

    snapshot: Any


class StateDelta(Event, frozen=True):
    """A JSON Patch of that state."""

    delta: list[Any]


class ActivitySnapshot(Event, frozen=True):
    """What the agent is doing, for a page to show."""

    message_id: Identifier
    activity_type: str
    content: Any
    replace: bool = True


class ActivityDelta(Event, frozen=True):
    """A JSON Patch of that."""

    message_id: Identifier
    activity_type: str
    patch: list[Any]


class ReasoningStart(Event, frozen=True):
    """Reasoning begins."""

    message_id: Identifier


class ReasoningEnd(Event, frozen=True):
    """Reasoning ends."""

    message_id: Identifier


class ReasoningMessageStart(Event, frozen=True):
    """A text of reasoning begins."""

    message_id: Identifier
    role: str = "reasoning"


class ReasoningMessageContent(Event, frozen=True):
    """The next piece of it."""

    message_id: Identifier
    delta: str


class ReasoningMessageEnd(Event, frozen=True):
    """It is whole."""

    message_id: Identifier


class Raw(Event, frozen=True):
    """An event of another vocabulary, as it came."""

    event: Any
    source: str | UnsetType = UNSET


class Custom(Event, frozen=True):
    """An event of ours or of the agent's own. ``usage`` is counted."""

    name: str
    value: Any


AnyEvent = (
    RunStarted
    | RunFinished
    | RunError
    | StepStarted
    | StepFinished
    | TextMessageStart
    | TextMessageContent
    | TextMessageEnd
    | TextMessageChunk
    | ToolCallStart
    | ToolCallArgs
    | ToolCallEnd
    | ToolCallChunk
    | ToolCallResult
    | StateSnapshot
    | StateDelta
    | ActivitySnapshot
    | ActivityDelta
    | ReasoningStart
    | ReasoningEnd
    | ReasoningMessageStart
    | ReasoningMessageContent
    | ReasoningMessageEnd
    | Raw
    | Custom
)

decode_event = msgspec.json.Decoder(AnyEvent).decode
encode = msgspec.json.Encoder().encode


def started(session_id: str, turn_id: str) -> bytes:
    """The event that opens every turn; stored with the message, before the agent runs."""
    return encode(RunStarted(thread_id=session_id, run_id=turn_id))


def finished(session_id: str, turn_id: str, usage: Usage) -> bytes:
    """The event that closes a completed turn; `usage` is left out when the agent reported none."""
    spent = usage != Usage()
    counts = [TokenCount(model=usage.model, input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)]
    return encode(
        RunFinished(thread_id=session_id, run_id=turn_id, outcome=Success(), usage=counts if spent else UNSET)
    )


def failed(code: str, message: str) -> bytes:
    """The event that closes every other turn."""
    return encode(RunError(message=message, code=code))


def is_last(event: bytes) -> bool:
    """Whether a stored event closes its turn's log."""
    return _kind(event).type in ("RUN_FINISHED", "RUN_ERROR")


class _Kind(Struct, gc=False):
    type: str = ""


_kind = msgspec.json.Decoder(_Kind).decode


class _Piece(Struct, gc=False):
    type: str = ""
    messageId: str = ""  # noqa: N815 - the name on the wire
    delta: Any = ""


_decode_piece = msgspec.json.Decoder(_Piece).decode


class AnswerText:
    """Joins the pieces of an answer. Texts of different messages are parted by an empty line, unless there is space."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._message = ""

    def add(self, message_id: str, delta: str) -> None:
        """The next piece. `delta` is not empty."""
        pieces = self._pieces
        if message_id != self._message:
            if pieces and not pieces[-1][-1].isspace() and not delta[0].isspace():
                pieces.append("\n\n")
            self._message = message_id
        pieces.append(delta)

    def __str__(self) -> str:
        return "".join(self._pieces)


def add_stored(text: AnswerText, events: list[TurnEvent]) -> None:
    """Read the answer's pieces back from a stored log."""
    for event in events:
        if b"TEXT_MESSAGE_CONTENT" in event.data:
            piece = _decode_piece(event.data)
            if piece.type == "TEXT_MESSAGE_CONTENT" and piece.delta:
                text.add(piece.messageId, piece.delta)
