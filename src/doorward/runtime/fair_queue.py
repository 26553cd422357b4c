"""Who waits for a process of their own, served fairly: one of each user in turn, in the order in which they came."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable

from doorward.errors import TooManyRequests


class FairQueue:
    """At most `per_owner` wait for one owner and `most` altogether. `on_unused` hears of a call that nobody is there to
    follow any more.

    INVARIANT: however many of one owner wait, another's first is called before that owner's second.
    """

    def __init__(self, *, per_owner: int, most: int, on_unused: Callable[[], None] = lambda: None) -> None:
        self._per_owner = per_owner
        self._most = most
        self._on_unused = on_unused
        self._lines: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    async def wait(self, owner: str) -> None:
        """Return when called. Raises `TooManyRequests` (``sessions_busy``) when too many wait."""
        line = self._lines.get(owner)
        if self._count >= self._most or (line is not None and len(line) >= self._per_owner):
            raise TooManyRequests("Too many sessions are wanted at once.", retry_after=1.0, code="sessions_busy")
        ticket: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._lines.setdefault(owner, deque()).append(ticket)
        self._count += 1
        try:
            await ticket
        except BaseException:
            if ticket.done() and not ticket.cancelled():
                if not self.call():  # called, and gone at the same moment: the next one has its place
                    self._on_unused()
            else:
                self._leave(owner, ticket)
            raise

    def call(self) -> bool:
        """Call the next one. False when nobody waits."""
        while self._lines:
            owner, line = self._lines.popitem(last=False)
            ticket = line.popleft()
            self._count -= 1
            if line:
                self._lines[owner] = line  # to the end: others are first
            if not ticket.done():
                ticket.set_result(None)
                return True
        return False

    def _leave(self, owner: str, ticket: asyncio.Future[None]) -> None:
        line = self._lines.get(owner)
        if line is None or ticket not in line:
            return
        line.remove(ticket)
        self._count -= 1
        if not line:
            del self._lines[owner]
