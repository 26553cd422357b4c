"""What the services ask of the store about conversations, messages and turns.

Every method takes the owner (`User.key`) and looks only at that owner's rows: another user's id is answered exactly as
an id that does not exist. All fail closed: a store that cannot answer raises `StoreUnavailable`, never an empty page.
"""

from collections.abc import Sequence
from typing import Protocol

from doorward.model.budget import Amount, Reservation, Spent
from doorward.model.chat import (
    Conversation,
    DayUsage,
    Forgotten,
    Idempotency,
    Message,
    NewTurn,
    OpenTurn,
    Page,
    Turn,
    TurnEvent,
    TurnResult,
    Usage,
)
from doorward.model.principals import User


class ConversationStore(Protocol):
    """Conversations of one owner. Does not make them: a conversation begins with its first turn (`TurnStore.begin`)."""

    async def page(self, owner: str, *, limit: int, cursor: str | None) -> Page[Conversation]:
        """Newest first by activity (`updated_at`). `InvalidInput` (``invalid_cursor``) for a foreign cursor."""
        ...

    async def get(self, owner: str, session_id: str) -> Conversation | None:
        """One conversation, or None when it is not there or not this owner's."""
        ...

    async def rename(self, owner: str, session_id: str, name: str, *, by_user: bool) -> bool:
        """Set the name. `by_user=False` (a name made by a model) changes nothing once the user has named it."""
        ...

    async def delete(self, owner: str, session_id: str, *, user: User | None = None) -> bool:
        """Delete it with its messages, turns and events, in one transaction. False when it was not there. With its
        `user`, what the agent keeps of it is noted in the same transaction as to be forgotten (`ForgottenStore`); until
        it is, no conversation of this id can be begun anew.

        Raises `Conflict` (``turn_active``), and deletes nothing, while a turn of that conversation is running: the
        check and the deletion are one transaction.
        """
        ...

    async def search(self, owner: str, query: str, *, limit: int, cursor: str | None) -> Page[Conversation]:
        """Those whose name or messages hold every word of `query` (any case, as a prefix), newest first."""
        ...

    async def messages(
        self, owner: str, session_id: str, *, limit: int, cursor: str | None, newest_first: bool = False
    ) -> Page[Message]:
        """Messages, always in ascending order of position within the page. Without a cursor: the first page, or the
        last one with `newest_first`. `next_cursor` leads to later messages, `previous_cursor` to earlier ones."""
        ...


class ForgottenStore(Protocol):
    """Deleted conversations whose state the agent has still to forget. Written by `ConversationStore.delete`."""

    async def pending(self, *, limit: int) -> list[Forgotten]:
        """Some that are still to be forgotten, at most `limit`."""
        ...

    async def done(self, owner: str, session_id: str) -> None:
        """The agent has forgotten it."""
        ...


class TurnStore(Protocol):
    """Turns with their numbered event logs. Acknowledged means durable: it survives ``kill -9``."""

    async def begin(self, turn: NewTurn) -> Turn:
        """In one transaction: make the conversation if it is new, store the message, the turn and its first event.

        A session id is a name within its owner: another user's conversation of the same id is another conversation.
        Raises `Conflict` (``conversation_deleting``) while the agent has still to forget a deleted one of the same id,
        and `Conflict` (``turn_active``) when a turn of that conversation is running.

        With `turn.idempotency`, the key is kept in the same transaction. When this owner's key is known already,
        nothing is written and the turn that it began is returned (its id is another one); another body raises
        `KeyReused`, and a turn that is gone with its conversation `NotFound`: a key never begins a second turn.

        With `turn.reservation`, that amount is set aside in the same transaction, or nothing is written and
        `TooManyRequests` (``budget_exhausted``) raised: of many at once, exactly those that fit begin.
        """
        ...

    async def append_events(self, turn_id: str, events: Sequence[TurnEvent]) -> None:
        """Append to the log of a running turn, in order. Batches of several turns share a commit."""
        ...

    async def finish(self, result: TurnResult) -> None:
        """In one transaction: last events, the answer's message (if `content` or a failure), outcome and usage.

        With `result.spent`, what the turn had set aside is given back and what it spent counted, once, on the day on
        which it began. Idempotent: a turn that has ended stays as it is. Raises `TextRefused`, with nothing written,
        when it can never take the text of the answer: end the turn without it.
        """
        ...

    async def get(self, owner: str, turn_id: str) -> Turn | None:
        """One turn of this owner, or None."""
        ...

    async def events(self, turn_id: str, *, after: int, limit: int) -> list[TurnEvent]:
        """Events with a sequence greater than `after`, ascending, at most `limit`."""
        ...

    async def open_turns(self) -> list[OpenTurn]:
        """Every turn that runs, of all owners, in the order in which they began. Asked at start-up, to go on with what
        another process left running; each ends by `finish` like any other."""
        ...


class KeyedTurnStore(TurnStore, Protocol):
    """A `TurnStore` that can be asked for a key before anything is begun. Fails closed like the rest."""

    async def keyed(self, owner: str, idempotency: Idempotency, *, at: float) -> Turn | None:
        """The turn that this owner's key began, None when the key is new or too old. Raises as `begin` does for a key.

        Only a look: whoever begins a turn afterwards must still pass the key to `begin`, which decides.
        """
        ...


class UsageStore(Protocol):
    """What a user has spent. Turns are counted by `TurnStore.finish`."""

    async def by_day(self, owner: str, *, days: int, today: str) -> list[DayUsage]:
        """The last `days` UTC days up to `today` (``YYYY-MM-DD``), newest first, days without turns left out."""
        ...

    async def used(self, owner: str, *, day: str) -> Amount:
        """What this owner spent or has set aside of that day's budget (only counted while there is one)."""
        ...

    async def add(self, owner: str, usage: Usage, *, at: float) -> None:
        """Count what was spent beside the turns (a conversation's name)."""
        ...


class BudgetStore(Protocol):
    """Budgets for calls of an agent that are no stored turns; those are reserved by `TurnStore`. Fails closed: nothing
    is called that could not be reserved."""

    async def reserve(self, charge_id: str, reservation: Reservation, *, at: float) -> None:
        """Set the amount aside in each of its accounts, in one transaction, or raise `TooManyRequests`
        (``budget_exhausted``): of many at once, exactly those that fit are let through."""
        ...

    async def settle(self, charge_id: str, spent: Spent) -> None:
        """Put what it cost in place of what was set aside, once, on the day of the reservation."""
        ...

    async def settle_lost(self) -> int:
        """At start-up: what a dead process had set aside here is spent, since nobody knows what it cost. Returns how
        many."""
        ...

    async def used(self, account: str, *, day: str) -> Amount:
        """What was spent or is set aside in this account."""
        ...
