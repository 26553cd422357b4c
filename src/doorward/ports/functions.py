"""What services that run as functions ask of what they share: each of them lives for one request, and forgets."""

from typing import Protocol

from doorward.ports.conversations import (
    BudgetStore,
    ConversationStore,
    ForgottenStore,
    KeyedTurnStore,
    UsageStore,
)


class Marks(Protocol):
    """Names that are taken for a time, by one at a time, for all processes of a house. Fails closed: a store that
    cannot answer raises `StoreUnavailable`, and whoever needed the name does not go on."""

    async def take(self, name: str, *, until: float) -> str | None:
        """Take a name until then (seconds since 1970). One has it, until it is given or its time is over: the answer is
        what they give it back with, a random text that is never empty. None for all others."""
        ...

    async def taken(self, name: str) -> bool:
        """Whether somebody has it at this moment."""
        ...

    async def give(self, name: str, by: str) -> None:
        """Give it back, `by` whom `take` named. Nothing happens when nobody has it, or another by now."""
        ...


class SharedStores(Protocol):
    """The stores that the functions of a house share, of one engine. Each fails closed."""

    @property
    def conversations(self) -> ConversationStore: ...

    @property
    def forgotten(self) -> ForgottenStore: ...

    @property
    def turns(self) -> KeyedTurnStore: ...

    @property
    def usage(self) -> UsageStore: ...

    @property
    def budgets(self) -> BudgetStore: ...

    @property
    def marks(self) -> Marks: ...


class OpenedStores(SharedStores, Protocol):
    """The same, by whoever opened them. Fails closed: what is asked after `close` is `StoreUnavailable`."""

    def close(self) -> None:
        """Blocks until everything that was queued is durable."""
        ...


class TurnRunner(Protocol):
    """Where turns are run when it is not here. Does not wait for them, and does not try twice. Fails closed."""

    async def begin(self, event: bytes) -> None:
        """Have a stored turn run; `event` is JSON. Raises `AgentUnreachable` when it was certainly or possibly not
        taken."""
        ...
