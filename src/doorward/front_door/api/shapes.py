"""What goes over the wire of the HTTP API, as closed structs, and how times look there.

Every handler of this folder answers with these; `front_door.openapi` turns them into schemas. The structs are the
public contract: a field is added, never renamed.
"""

from datetime import UTC, datetime
from typing import Annotated, Literal, TypeVar, cast

from msgspec import Meta, Struct, defstruct

from doorward.model.chat import DayUsage, OnBusy
from doorward.model.settings import Pattern

# `(?!\n)` since Python's `$` also matches before a last line feed.
SESSION_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9-]{32,99}(?!\n)$"
SessionId = Annotated[str, Meta(min_length=33, max_length=100, pattern=SESSION_ID_PATTERN)]
NAME_LENGTH = 120
S = TypeVar("S", bound="Shape")
Timestamp = Annotated[str, Meta(description="RFC 3339, UTC, milliseconds.", extra_json_schema={"format": "date-time"})]


class Shape(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything on the wire: frozen, closed."""


class ChatRequest(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message for a conversation; without `session_id` a new one begins."""

    message: str
    session_id: SessionId | None = None


class TurnRequest(ChatRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A message for a conversation; without `session_id` a new one begins. `on_busy` says what is done while a turn of
    the conversation runs: refuse (409), wait, or stop that turn; null means as the server is configured."""

    on_busy: OnBusy | None = None


class PromptRequest(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /chat`` in the pattern `front-door`; `prompt` is passed through."""

    prompt: str
    session_id: SessionId | None = None


class ChatAnswer(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole answer of one turn."""

    response: str
    session_id: str
    turn_id: str


class SimpleAnswer(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer of ``POST /chat`` in the pattern `two-doors`."""

    response: str
    session_id: str


class ConversationItem(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One conversation in a list."""

    session_id: str
    conversation_name: str
    created_at: Timestamp
    updated_at: Timestamp
    message_count: int


class ConversationList(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of conversations, newest first by activity."""

    conversations: list[ConversationItem]
    next_cursor: str | None


class MessageItem(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message. `status` says whether it is whole."""

    id: str
    role: Literal["user", "assistant"]
    content: str
    timestamp: Timestamp
    turn_id: str
    status: Literal["complete", "partial", "failed"]


class MessageList(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of messages in order; the cursors lead to later and to earlier ones. `actor_id` is the owner's key."""

    session_id: str
    actor_id: str
    messages: list[MessageItem]
    next_cursor: str | None
    previous_cursor: str | None


class RenameRequest(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new name for a conversation."""

    conversation_name: Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH, pattern=r"\S")]


class TokenUsage(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tokens of one turn, as the model reported them."""

    model: str
    input_tokens: int
    output_tokens: int


class TurnState(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One turn: running, or with its one outcome."""

    turn_id: str
    session_id: str
    status: Literal["running", "completed", "failed", "cancelled", "interrupted"]
    started_at: Timestamp
    finished_at: Timestamp | None
    error_code: str | None
    usage: TokenUsage


class Me(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who is signed in. `csrf_token` is there for a browser session alone; `rehearsal` says that no language model
    answers."""

    issuer: str
    subject: str
    username: str
    email: str | None
    roles: list[str]
    actor_id: str
    pattern: Pattern
    model: str
    rehearsal: bool
    csrf_token: str | None = None


class BudgetState(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The caller's budget of this UTC day and what is left of it; money in dollars. Null: no limit."""

    tokens_per_day: int | None
    tokens_left: int | None
    money_per_day: float | None
    money_left: float | None
    resets_at: Timestamp


class UsageDays(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the caller has spent: today, and the last 30 UTC days with turns, newest first. `budget` is null when none
    is configured."""

    today: DayUsage
    days: list[DayUsage]
    budget: BudgetState | None


class Health(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The process answers."""

    status: Literal["ok"]


class Readiness(Shape, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every part answers."""

    status: Literal["ready"]
    parts: list[str]


def chat_request(max_characters: int) -> type[ChatRequest]:
    """`ChatRequest` with the configured bound of a message, in characters; a blank message does not fit."""
    return _bounded(ChatRequest, "message", max_characters)


def turn_request(max_characters: int) -> type[TurnRequest]:
    """`TurnRequest` with the configured bound of a message, as in `chat_request`."""
    return _bounded(TurnRequest, "message", max_characters)


def prompt_request(max_characters: int) -> type[PromptRequest]:
    """`PromptRequest` with the configured bound of a prompt, in characters."""
    return _bounded(PromptRequest, "prompt", max_characters)


def _bounded(base: type[S], name: str, max_characters: int) -> type[S]:
    """`base` with its text `name` from 1 to `max_characters` characters, not all of them blank."""
    text = Annotated[str, Meta(min_length=1, max_length=max_characters, pattern=r"\S")]
    made = defstruct(
        base.__name__,
        [(name, text)],
        bases=(base,),
        module=__name__,
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    return cast("type[S]", made)


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as RFC 3339 in UTC with milliseconds: ``2026-01-02T03:04:05.678Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
