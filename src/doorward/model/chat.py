"""Conversations, messages, turns and their events, as plain data. Times are seconds since 1970 (UTC, float)."""

from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from msgspec import Struct, field

from doorward.model.budget import Reservation, Spent

Role = Literal["user", "assistant"]
OnBusy = Literal["reject", "enqueue", "interrupt"]
T = TypeVar("T")


class TurnStatus(StrEnum):
    """The one outcome of a turn. `RUNNING` is the only state that is not final."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


class MessageStatus(StrEnum):
    """Whether a message is whole. A user's message is always `COMPLETE`."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


class Usage(Struct, frozen=True, kw_only=True, rename="camel"):
    """What a turn spent, in tokens, as the model reported it; `model` names it (``rehearsal`` is no language model)."""

    model: str = ""
    input_tokens: int = 0
    output_tokens: int = 0


class Conversation(Struct, frozen=True, kw_only=True):
    """An ordered list of messages that belongs to one user (`owner` is `User.key`)."""

    session_id: str
    owner: str
    name: str
    renamed: bool
    created_at: float
    updated_at: float
    message_count: int


class Message(Struct, frozen=True, kw_only=True):
    """One message. `position` counts from 1 within its conversation and orders it."""

    id: str
    session_id: str
    position: int
    role: Role
    content: str
    timestamp: float
    turn_id: str
    status: MessageStatus


class Turn(Struct, frozen=True, kw_only=True):
    """One user message and all that is done to answer it."""

    id: str
    session_id: str
    owner: str
    status: TurnStatus
    started_at: float
    finished_at: float | None = None
    error_code: str | None = None
    usage: Usage = field(default_factory=Usage)


class TurnEvent(Struct, frozen=True):
    """One entry of a turn's event log: `sequence` counts from 1 without gaps, `data` is the AG-UI event in JSON."""

    sequence: int
    data: bytes


class Idempotency(Struct, frozen=True):
    """A key that makes equal sends one turn: hashes (SHA-256) of route and key, and of the body; when it may go."""

    key: bytes
    body: bytes
    expires_at: float


class NewTurn(Struct, frozen=True, kw_only=True):
    """All that is written, in one transaction, before the agent runs.

    `issuer`, `subject` and `tenant` are the user's (`owner` is made of the first two), `answer_id` the id that the
    answer's message will have: with them another process can go on with the turn (`OpenTurn`).
    """

    turn_id: str
    session_id: str
    owner: str
    message_id: str
    message: str
    at: float
    conversation_name: str
    first_event: bytes
    request_id: str
    issuer: str = ""
    subject: str = ""
    tenant: str = ""
    answer_id: str = ""
    idempotency: Idempotency | None = None
    reservation: Reservation | None = None


class OpenTurn(Struct, frozen=True, kw_only=True):
    """A turn that runs, with all that another process needs to go on with it.

    `last_event` is the number of the last event in its log; `first` says that its message is the first of its
    conversation. `issuer`, `subject` and `answer_id` are empty for a turn that an older version began.
    """

    turn: Turn
    issuer: str
    subject: str
    tenant: str
    answer_id: str
    request_id: str
    message: str
    last_event: int
    first: bool


class TurnResult(Struct, frozen=True, kw_only=True):
    """All that is written, in one transaction, when a turn ends; `events` are the last ones, numbered on. `spent` is
    there when the turn began with a reservation."""

    turn_id: str
    status: TurnStatus
    message_id: str
    content: str
    message_status: MessageStatus
    at: float
    events: tuple[TurnEvent, ...] = ()
    error_code: str | None = None
    usage: Usage = field(default_factory=Usage)
    spent: Spent | None = None


class Forgotten(Struct, frozen=True, kw_only=True):
    """A deleted conversation of this user, whose state the agent has still to forget."""

    issuer: str
    subject: str
    session_id: str


class DayUsage(Struct, frozen=True, kw_only=True):
    """What one user spent on one UTC day (``YYYY-MM-DD``)."""

    day: str
    turns: int
    input_tokens: int
    output_tokens: int


class Page(Struct, Generic[T], frozen=True):
    """A page of a list. A cursor is opaque; None means there is nothing further in that direction."""

    items: list[T]
    next_cursor: str | None = None
    previous_cursor: str | None = None


JsonObject = dict[str, Any]
