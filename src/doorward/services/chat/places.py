"""Where a turn may begin: a bound per user, and in a conversation one turn after the other. The chat service asks."""

import asyncio
from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from doorward.errors import Conflict, DoorwardError, TooManyRequests
from doorward.model.chat import OnBusy
from doorward.services.chat.lines import Lines, Place
from doorward.services.chat.run import TurnRun

Active = Callable[[Place], list[TurnRun]]
Supersede = Callable[[TurnRun], None]


class LineOptions(Struct, frozen=True):
    """How many may wait for one conversation, and how long each, in seconds."""

    length: int
    patience: float


class Places:
    """`limit` bounds the turns of one user that run; those that wait for a conversation do not count. `active` gives
    the turns of a conversation, `supersede` ends one for a newer message.

    INVARIANT: who waits for a conversation is called when its turn ends, and gets that turn's place with the call, so
    that nobody comes between.
    """

    def __init__(self, limit: int | None, lines: LineOptions, active: Active, supersede: Supersede) -> None:
        self._limit = limit
        self._active = active
        self._supersede = supersede
        self._running: Counter[str] = Counter()
        self._stopping: dict[Place, asyncio.Task[None]] = {}
        self.lines = Lines(length=lines.length, patience=lines.patience, pass_on=self.give)

    def busy(self) -> bool:
        """Whether anybody waits or is being stopped, in any conversation."""
        return bool(self.lines) or bool(self._stopping)

    def take(self, owner: str) -> None:
        """Count a turn of this user. Raises `TooManyRequests` (``too_many_turns``) at the bound (AP-LIM-04)."""
        if self._limit is not None and self._running[owner] >= self._limit:
            raise TooManyRequests("Too many turns of yours run at once.", retry_after=1.0, code="too_many_turns")
        self._running[owner] += 1

    def count(self, owner: str) -> None:
        """Count a turn that runs already, whatever the bound."""
        self._running[owner] += 1

    def give(self, place: Place) -> None:
        """A turn is over, or did not begin: who waits for its conversation gets its place, else it is free."""
        if place in self.lines and not self._active(place) and self.lines.call(place):
            return
        owner = place[0]
        self._running[owner] -= 1
        if not self._running[owner]:
            del self._running[owner]

    async def free(self, place: Place, on_busy: OnBusy) -> None:
        """Wait, as `on_busy` says, until a turn may begin in this conversation, and take a place for it.

        The caller begins it before it awaits anything else. Raises as `Lines.wait` and `take`, and `Conflict`
        (``turn_active``) for ``reject`` while others wait.
        """
        while not await self._called(place, on_busy):
            stopping = self._stopping.get(place)
            if stopping is None:
                self.take(place[0])
                return
            # The agent's side still ends the turn before, and runs only one in a session.
            await asyncio.wait({stopping})
        try:
            while place in self._stopping:
                await asyncio.wait({self._stopping[place]})
        except BaseException:
            self.lines.leave(place)
            self.give(place)
            raise
        self.lines.leave(place)

    def begun(self, run: TurnRun) -> None:
        """A turn has begun; a newer message that is in a hurry ends it at once."""
        if self.lines and self.lines.hurried(run.place):
            self._supersede(run)

    def stopping(self, place: Place, task: asyncio.Task[None]) -> None:
        """Until `task` is done, the agent's side may still be busy with the last turn there."""
        self._stopping[place] = task
        task.add_done_callback(lambda done: self._stopped(place, done))

    def close(self, error: DoorwardError) -> None:
        """Send all who wait away."""
        self.lines.close(error)

    async def _called(self, place: Place, on_busy: OnBusy) -> bool:
        """Wait in line where there is something to wait for. Whether the turn before handed its place over."""
        waiting = place in self.lines
        if on_busy == "reject":
            if waiting:
                raise Conflict("A turn of this conversation is running.", code="turn_active")
            return False
        active = self._active(place)
        if not active and not waiting:
            return False
        if on_busy == "interrupt":
            for run in active:
                self._supersede(run)
        await self.lines.wait(place, urgent=on_busy == "interrupt")
        return True

    def _stopped(self, place: Place, task: asyncio.Task[None]) -> None:
        if self._stopping.get(place) is task:
            del self._stopping[place]
