"""What the operators' side of the house asks: metrics, the ledger's readers, users, turns, and what is in force.

Only routes for operators reach these. None of them returns a message's text.
"""

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from doorward.model.chat import Page, Turn
from doorward.model.console import (
    Act,
    ChainPlace,
    ChainState,
    ChainStep,
    HouseNow,
    KnownTurn,
    LedgerFilter,
    LedgerPage,
    OpenTurn,
    Remark,
    Series,
    SettingInForce,
    Story,
)
from doorward.model.metrics import Reading, Sample, Spend
from doorward.model.secret import Secret
from doorward.model.sign_in import Account

Window = Literal["hour", "day"]


class MetricsSource(Protocol):
    """The counters of one process. Fails open: who does not answer is shown as silent, nothing else depends on it."""

    async def read(self) -> Reading | None:
        """The counters now; None when the process does not answer within a moment. Raises nothing."""
        ...


class MetricsStore(Protocol):
    """Samples, kept for a while. Fails open: a sample that cannot be stored is lost, and no request waits for one."""

    async def add(self, window: Window, sample: Sample, *, keep: int) -> None:
        """Store it and forget all of its window but the newest `keep`. Raises `StoreUnavailable`."""
        ...

    async def newest(self, window: Window, *, limit: int) -> list[Sample]:
        """The newest samples, oldest first."""
        ...

    async def spend(self, day: str) -> Spend:
        """What all users together spent on a UTC day (``YYYY-MM-DD``)."""
        ...


class MetricsView(Protocol):
    """The metrics as operators see them. Fails open: a gap is shown as one."""

    def now(self) -> HouseNow:
        """The last minute."""
        ...

    async def series(self, window: Window) -> Series:
        """An hour or a day. `StoreUnavailable`."""
        ...


class LedgerReader(Protocol):
    """Every chain of the house, for reading alone. Fails closed: what cannot be read is an error or said to be unread,
    never left out in silence."""

    async def page(self, wanted: LedgerFilter, *, limit: int, cursor: str | None) -> LedgerPage:
        """Entries that fit, newest first, of all chains together. Reads a bounded number of entries.

        `InvalidInput` (``invalid_cursor``) for a cursor that was not made for this filter; `StoreUnavailable`."""
        ...

    async def turns(self, *, request_id: str = "", session_id: str = "") -> list[KnownTurn]:
        """The turns that a request began, or those of a conversation (the newest 500)."""
        ...

    async def chains(self) -> dict[str, ChainPlace | None]:
        """Each chain with its last link (place 0 when it is empty); None for one that cannot be read from here."""
        ...

    async def verify(self, chain: str, after: ChainPlace, *, limit: int) -> ChainStep:
        """Verify at most `limit` links after one that was found good. `StoreUnavailable` when it cannot be read."""
        ...


class LedgerDesk(Protocol):
    """What operators are shown of the ledger. Fails closed, as `LedgerReader` does."""

    async def page(self, wanted: LedgerFilter, *, limit: int, cursor: str | None) -> LedgerPage: ...

    async def narrowed(self, wanted: LedgerFilter, *, user: str | None, session_id: str | None) -> LedgerFilter:
        """The filter with a user (a name, a subject or a key) and a conversation turned into what entries hold."""
        ...

    def export(self, wanted: LedgerFilter) -> AsyncIterator[LedgerPage]:
        """All entries that fit, newest first. What could be read at first and not later is `StoreUnavailable`."""
        ...

    async def story(self, request_id: str, *, near: float | None) -> Story:
        """Everything about one request. `near` says when it was, which bounds the search to the hours around it."""
        ...

    async def chains(self) -> list[ChainState]:
        """Where each chain stands."""
        ...

    async def walk(self) -> list[ChainState]:
        """Begin to verify every chain from its start, if nobody is at it; returns at once."""
        ...


class UserAdministration(Protocol):
    """The users of the embedded sign-in. Fails closed: what is changed stands in the ledger before it is changed."""

    async def page(self, *, limit: int, cursor: str | None, query: str | None) -> Page[Account]:
        """By username; `query` is what names or addresses contain."""
        ...

    async def add(self, act: Act, username: str, *, email: str, roles: frozenset[str]) -> tuple[Account, Secret]:
        """A new user with a random password. `InvalidInput`, `Conflict` (``username_taken``)."""
        ...

    async def set_disabled(self, act: Act, subject: str, *, disabled: bool) -> Account:
        """Disabling ends every session. `NotFound`; `Conflict` (``own_account``) for the operator's own account."""
        ...

    async def end_sessions(self, act: Act, subject: str) -> Account:
        """End browser sessions and refresh tokens. An access token that is out lives its time. `NotFound`."""
        ...

    async def set_roles(self, act: Act, subject: str, roles: frozenset[str]) -> Account:
        """Replace the roles, and end every session, which holds the old ones. `NotFound`, `Conflict`."""
        ...


class RunningTurns(Protocol):
    """The turns of all users that run now. Fails closed: what cannot be stopped is said."""

    def running_turns(self) -> list[OpenTurn]:
        """Oldest first."""
        ...

    async def stop_turn(self, turn_id: str) -> Turn:
        """Stop it as its user would; what was answered so far is kept. `NotFound` when it does not run."""
        ...


class HouseView(Protocol):
    """What the house is made of. Fails closed: a secret is shown as stars, never as it is."""

    def settings(self) -> list[SettingInForce]:
        """Every setting that is in force, in the order of the reference."""
        ...

    async def check_up(self) -> list[Remark]:
        """What `doorward doctor` says. Changes nothing; one at a time."""
        ...
