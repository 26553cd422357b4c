"""Messages that wait until their conversation is free, in order. Used by the chat service.

What waits stands nowhere but here: it is not stored before its turn begins, and a restart loses it.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from doorward.errors import Conflict, DoorwardError, TooManyRequests

Place = tuple[str, str]  # the owner's key and the session id


class _Ticket:
    """One that waits. `called` once it is its turn; `urgent` ones do not stand in line."""

    __slots__ = ("called", "turn", "urgent")

    def __init__(self, *, urgent: bool) -> None:
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.called = False
        self.urgent = urgent


class Lines:
    """A line for each conversation that somebody waits for: at most `length` in it, each for `patience` seconds.

    Whoever is called stays at the head until `leave`. `pass_on` is told the place when one who was called went away.

    INVARIANT: one after the other is called, in the order in which they came; only the newest urgent one goes first.
    """

    def __init__(self, *, length: int, patience: float, pass_on: Callable[[Place], None]) -> None:
        self._length = length
        self._patience = patience
        self._pass_on = pass_on
        self._lines: dict[Place, deque[_Ticket]] = {}

    def __bool__(self) -> bool:
        return bool(self._lines)

    def __contains__(self, place: Place) -> bool:
        return place in self._lines

    async def wait(self, place: Place, *, urgent: bool) -> None:
        """Return when called. Raises `TooManyRequests` (``turn_queue_full``), `Conflict` (``turn_queue_timeout``, or
        ``turn_superseded`` for an urgent one when a newer one came)."""
        ticket = _Ticket(urgent=urgent)
        self._stand(place, ticket)
        try:
            async with asyncio.timeout(self._patience):
                await ticket.turn
        except TimeoutError:
            if ticket.called:
                return
            self._drop(place, ticket)
            raise Conflict("The turns before this message took too long.", code="turn_queue_timeout") from None
        except BaseException:
            self._drop(place, ticket)
            if ticket.called:
                self._pass_on(place)
            raise

    def call(self, place: Place) -> bool:
        """Call the first who waits there. False when nobody does."""
        line = self._lines.get(place)
        if not line or line[0].called:
            return False
        line[0].called = True
        if not line[0].turn.done():
            line[0].turn.set_result(None)
        return True

    def leave(self, place: Place) -> None:
        """The one who was called has begun, or given up."""
        self._drop(place, self._lines[place][0])

    def hurried(self, place: Place) -> bool:
        """Whether an urgent one is next there."""
        line = self._lines.get(place)
        return line is not None and line[0].urgent

    def close(self, error: DoorwardError) -> None:
        """Send everybody away."""
        for line in self._lines.values():
            for ticket in line:
                if not ticket.turn.done():
                    ticket.turn.set_exception(error)

    def _stand(self, place: Place, ticket: _Ticket) -> None:
        line = self._lines.setdefault(place, deque())
        if not ticket.urgent:
            if len(line) >= self._length:
                raise TooManyRequests("Too many messages wait here.", retry_after=1.0, code="turn_queue_full")
            line.append(ticket)
            return
        head = 1 if line and line[0].called else 0
        if len(line) > head and line[head].urgent:
            older = line[head]
            del line[head]
            if not older.turn.done():
                older.turn.set_exception(Conflict("A newer message took its place.", code="turn_superseded"))
        line.insert(head, ticket)

    def _drop(self, place: Place, ticket: _Ticket) -> None:
        line = self._lines.get(place)
        if line is not None and ticket in line:
            line.remove(ticket)
            if not line:
                del self._lines[place]
