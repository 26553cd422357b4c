"""Short-term memory of agents, as the agent door serves it (Bedrock AgentCore Memory's data plane, events only).

Whoever calls has been checked. Every method looks at one memory, and at one actor's events in it, only. All fail
closed: a store that cannot answer raises `StoreUnavailable`, never an empty page. Events are kept and nothing is drawn
out of them: there are no long-term memory records.
"""

from typing import Protocol

from doorward.model.chat import Page
from doorward.model.memory import Bounds, Event, EventQuery, KeptSession, MemorySession, NewEvent


class MemoryStore(Protocol):
    """Events, which are made and deleted but never changed. Acknowledged means durable."""

    async def create(self, event: NewEvent, bounds: Bounds) -> Event:
        """Keep it. An equal call with an equal token, also after a restart, gives the event that the first one made.

        Raises `InvalidInput` (``token_reused``: another event had this token, ``root_event_unknown``,
        ``branch_elsewhere``, ``branch_too_deep``) and `QuotaExceeded` (``memory_full``).
        """
        ...

    async def get(self, where: MemorySession, event_id: str) -> Event | None: ...

    async def events(self, where: MemorySession, query: EventQuery) -> Page[Event]:
        """Newest first by their own time, those of one time in the order in which they came. A page ends early when its
        payloads are large, with a cursor. `InvalidInput` (``invalid_cursor``) for a cursor of another list."""
        ...

    async def delete(self, where: MemorySession, event_id: str) -> bool:
        """False when it was not there."""
        ...

    async def sessions(
        self, memory: str, actor: str, *, limit: int, cursor: str | None, empty: bool = False
    ) -> Page[KeptSession]:
        """By id, those that have an event; with `empty` also those that lost their last one within a day. Errors as
        `events`."""
        ...

    async def actors(self, memory: str, *, limit: int, cursor: str | None) -> Page[str]:
        """By id, those that have an event in some session. Errors as `events`."""
        ...


class MemoryEraser(Protocol):
    """The other way to an end of events: what a user deletes. Fails closed."""

    async def forget(self, actor: str, session: str) -> None:
        """Erase that actor's session, in every memory. Nothing happens when nothing is kept."""
        ...


class OpenedEraser(MemoryEraser, Protocol):
    """The same, by whoever opened it. Fails closed: what is asked after `close` is `StoreUnavailable`."""

    def close(self) -> None:
        """Blocks until what is under way has ended."""
        ...
