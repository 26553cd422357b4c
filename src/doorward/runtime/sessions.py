"""Whose session a call belongs to, and which calls run.

The runtime host asks here. Two calls at once in one session are refused, and a handle opens a session's state only as
long as its invocation runs.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable

from msgspec import Struct

from doorward.errors import Conflict
from doorward.model.principals import Principal, TurnIdentity, User


class SessionKey(Struct, frozen=True):
    """A session is a name within its owner and agent, never alone."""

    owner: str
    agent: str
    session_id: str

    @property
    def parts(self) -> tuple[str, str, str]:
        """Its three names."""
        return self.owner, self.agent, self.session_id

    @property
    def visible_id(self) -> str:
        """The session id as the agent sees it: the caller's, cut to 60 characters, and 32 hex digits over the key.

        INVARIANT: two owners never share one, so that an agent that keys its memory by session id alone cannot mix
        them. Fits AgentCore's format (33-100 of ``[A-Za-z0-9-]``) whenever the caller's id does.
        """
        digest = hashlib.sha256(f"{self.owner}\0{self.agent}\0{self.session_id}".encode()).hexdigest()
        return f"{self.session_id[:60]}-{digest[:32]}"


def owner_of(caller: Principal) -> str:
    """The owner key of whoever called: the user behind it, or the workload itself when it calls on its own behalf."""
    if isinstance(caller, User):
        return caller.key
    if isinstance(caller, TurnIdentity):
        return caller.owner_key
    return f"workload:{caller.name}"


def turn_of(caller: Principal) -> str:
    """The id of the turn that calls; empty when it is none."""
    return caller.turn_id if isinstance(caller, TurnIdentity) else ""


class Invocation:
    """One running call, of the turn `turn_id` if it is one. `handle` is what its worker shows to reach the session's
    state. `silence` bounds the seconds between two pieces of its answer."""

    def __init__(self, key: SessionKey, turn_id: str, timeout: float) -> None:
        loop = asyncio.get_running_loop()
        self.key = key
        self.turn_id = turn_id
        self.handle = secrets.token_urlsafe(32)
        self.began_at = time.time()
        self.silence: float | None = None
        self.aborted = ""
        self.over = asyncio.Event()
        self.hang_up: Callable[[], None] | None = None
        self.deadline = loop.time() + timeout
        self._timer = loop.call_at(self.deadline, self.abort, "timeout")

    def abort(self, reason: str) -> None:
        """End it from outside: the connection to the worker is closed, which cancels the run there."""
        if self.aborted:
            return
        self.aborted = reason
        if self.hang_up is not None:
            self.hang_up()

    def disarm(self) -> None:
        """Stop the clock: it is over."""
        self._timer.cancel()


class Invocations:
    """The calls that run now, at most one per session."""

    def __init__(self) -> None:
        self._by_key: dict[SessionKey, Invocation] = {}
        self._by_handle: dict[str, Invocation] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def begin(self, key: SessionKey, timeout: float, *, turn_id: str = "") -> Invocation:
        """Start the clock of a call of at most `timeout` seconds. `Conflict` (``session_busy``) while another runs."""
        if key in self._by_key:
            raise Conflict("Something already runs in this session.", code="session_busy")
        invocation = Invocation(key, turn_id, timeout)
        self._by_key[key] = invocation
        self._by_handle[invocation.handle] = invocation
        self._idle.clear()
        return invocation

    def end(self, invocation: Invocation) -> None:
        """Forget a call; may be said twice."""
        invocation.disarm()
        invocation.over.set()
        if self._by_handle.pop(invocation.handle, None) is not None:
            del self._by_key[invocation.key]
        if not self._by_handle:
            self._idle.set()

    def running(self, key: SessionKey) -> Invocation | None:
        """What runs in that session."""
        return self._by_key.get(key)

    def by_handle(self, handle: str) -> Invocation | None:
        """The running call that was given this handle."""
        return self._by_handle.get(handle)

    async def idle(self) -> None:
        """Return when nothing runs."""
        await self._idle.wait()

    def all(self) -> list[Invocation]:
        """Everything that runs."""
        return list(self._by_handle.values())
