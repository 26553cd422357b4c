"""Numbers the events of one turn and makes them durable in batches. Used by `run`."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from doorward.errors import DoorwardError
from doorward.model.chat import TurnEvent
from doorward.ports.conversations import TurnStore
from doorward.services.chat.tail import LiveTail

log = structlog.get_logger()

MAX_PENDING_BYTES = 1_048_576
MAX_BATCH = 2048


class EventWriter:
    """While one batch is being written, the next collects. Published to `tail` is only what is durable. `sequence` is
    the number of the last event that was added. `pace` is how many seconds lie between two batches at least, where each
    costs money and nobody looks more often.

    When the store refuses, `on_problem` is called once, and nothing more is written: what is pending stays, for `rest`.
    """

    def __init__(
        self, turns: TurnStore, turn_id: str, tail: LiveTail, on_problem: Callable[[], None], pace: float = 0.0
    ) -> None:
        self._turns = turns
        self._turn_id = turn_id
        self._tail = tail
        self._on_problem = on_problem
        self.sequence = 1  # the first event is stored with the turn
        self._pending: list[TurnEvent] = []
        self._pending_bytes = 0
        self._stopped = False
        self._pace = pace
        self._next_at = 0.0
        self._hurry = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether the store is so far behind that the agent should wait (`room`)."""
        return self._pending_bytes > MAX_PENDING_BYTES

    def add(self, payloads: list[bytes]) -> None:
        """Queue events."""
        for payload in payloads:
            self.sequence += 1
            self._pending.append(TurnEvent(self.sequence, payload))
            self._pending_bytes += len(payload)
        if self._task is None and not self._stopped and self._pending:
            self._task = asyncio.create_task(self._write())

    async def room(self) -> None:
        """Wait until what is pending is written, at once."""
        if self._task is not None:
            self._hurry.set()
            await asyncio.wait({self._task})
            self._hurry.clear()

    async def rest(self, last: list[bytes]) -> tuple[TurnEvent, ...]:
        """Stop writing, and give what is not yet durable with the `last` events, for the turn's last transaction."""
        self._stopped = True
        await self.room()
        self.add(last)
        return tuple(self._pending)

    async def _due(self) -> bool:
        """Wait for the next batch's time, while more comes together; whether there is one to be written."""
        loop = asyncio.get_running_loop()
        wait = self._next_at - loop.time()
        if wait > 0 and self._pending and not self._stopped:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._hurry.wait()
        self._next_at = loop.time() + self._pace
        return bool(self._pending) and not self._stopped

    async def _write(self) -> None:
        try:
            while await self._due():
                batch = self._pending[:MAX_BATCH]
                await self._turns.append_events(self._turn_id, batch)
                del self._pending[: len(batch)]
                self._pending_bytes -= sum(len(event.data) for event in batch)
                self._tail.publish(batch)
        except DoorwardError as error:
            log.warning("turn_events_not_stored", turn=self._turn_id, code=error.code)
        finally:
            self._task = None
            if self._pending and not self._stopped:
                self._stopped = True
                self._on_problem()
