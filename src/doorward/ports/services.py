"""The application's services, as the front door sees them. Each method acts for one user and sees only their things."""

from collections.abc import AsyncIterator
from typing import Protocol

from msgspec import Struct

from doorward.model.budget import BudgetLeft
from doorward.model.chat import Conversation, DayUsage, Message, OnBusy, Page, Turn, TurnEvent, Usage
from doorward.model.principals import User


class StartedTurn(Struct, frozen=True, kw_only=True):
    """A turn that is stored and runs on its own, whether anybody listens or not. `replayed`: an equal send began it."""

    turn_id: str
    session_id: str
    replayed: bool = False


class SendKey(Struct, frozen=True, kw_only=True):
    """What makes two sends of a user equal: `route`, `key` (chosen by the client) and `body` in one way of writing."""

    route: str
    key: str
    body: bytes


class Sending(Struct, frozen=True, kw_only=True):
    """How a message is sent. Without a `key` every send is a turn of its own. `on_busy` says what is done while a turn
    of the conversation runs; None means as configured."""

    key: SendKey | None = None
    on_busy: OnBusy | None = None


PLAIN = Sending()


class Answer(Struct, frozen=True, kw_only=True):
    """The end of a turn, for a caller that waited."""

    response: str
    session_id: str
    turn_id: str
    usage: Usage


class Chat(Protocol):
    """Turns. The only service with a way to the agent."""

    async def start(
        self, user: User, message: str, *, session_id: str | None, request_id: str, sending: Sending = PLAIN
    ) -> StartedTurn:
        """Store the message and start the turn. Raises `NotFound`, `Conflict` (``turn_active``), `StoreUnavailable`.
        A `session_id` of None makes a new conversation; one that this user has not used yet names a new one.

        With a key, equal sends share one turn, also after a restart: the later ones get it as `replayed`, or `Conflict`
        (``idempotency_in_flight``) while it runs where that is configured. Another body raises `KeyReused`.

        While a turn of the conversation runs, ``enqueue`` waits in order (`TooManyRequests` ``turn_queue_full``,
        `Conflict` ``turn_queue_timeout``) and ``interrupt`` stops that turn first; nothing is stored before."""
        ...

    async def answer(self, user: User, turn_id: str) -> Answer:
        """Wait for the end. Raises the turn's failure as `AgentFailed`, `AgentTimeout`, `AgentUnreachable` or
        `Conflict` (``turn_cancelled``), and `TurnContinues` when it takes longer than this request may. Cancelling this
        call does not stop the turn."""
        ...

    async def events(self, user: User, turn_id: str, *, after: int) -> AsyncIterator[list[TurnEvent]]:
        """Awaited, checks ownership (`NotFound`); the iterator yields stored events in order, first those that are
        there, then live ones, in batches; it ends after the last event. An empty batch is a heartbeat (after
        `heartbeat` seconds of silence)."""
        ...

    async def turn(self, user: User, turn_id: str) -> Turn:
        """`NotFound` for another's."""
        ...

    async def cancel(self, user: User, turn_id: str) -> Turn:
        """Stop it; what was answered so far is kept as ``partial``. A turn that has ended is returned as it is."""
        ...


class Conversations(Protocol):
    """History. Has no way to an agent or a model."""

    async def page(self, user: User, *, limit: int, cursor: str | None, query: str | None) -> Page[Conversation]: ...

    async def read(
        self, user: User, session_id: str, *, limit: int, cursor: str | None, newest_first: bool
    ) -> Page[Message]: ...

    async def rename(self, user: User, session_id: str, name: str) -> Conversation: ...

    async def delete(self, user: User, session_id: str) -> None:
        """`Conflict` (``turn_active``) while a turn runs in it."""
        ...

    async def export(self, user: User, session_id: str) -> tuple[Conversation, AsyncIterator[list[Message]]]:
        """The conversation and all its messages, in order, page by page."""
        ...


class UsageReport(Protocol):
    """What a user spent."""

    async def report(self, user: User) -> list[DayUsage]:
        """The last 30 UTC days, newest first; the first is always today, with zeros when nothing was spent."""
        ...

    async def budget(self, user: User) -> BudgetLeft | None:
        """What is left of the user's budget of this day; None when there is none."""
        ...


class Relay(Protocol):
    """The chat of the pattern `two-doors`: one question, one answer, nothing stored. It signs for itself at the agent
    door; the user's token is not handed on."""

    async def send(self, user: User, message: str, session_id: str | None, request_id: str) -> Answer:
        """Ask the agent and wait for the whole answer. A `session_id` of None makes a new one; one that the caller
        proposes is a name within this user. Raises `AgentFailed`, `AgentTimeout`, `AgentUnreachable` or `Conflict`."""
        ...
