"""The last durable events of a running turn, for those who follow it. Used by `run` and `service`."""

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice

from doorward.errors import DoorwardError
from doorward.model.chat import TurnEvent

MAX_EVENTS = 512
MAX_BYTES = 262_144


class LiveTail:
    """Holds at most 512 events and 256 KiB, however slow the readers are: who falls behind reads from the store.

    INVARIANT: only what is durable is published, so no reader has seen an event that a crash takes back.
    """

    def __init__(self) -> None:
        self.ended = False
        self.problem: DoorwardError | None = None
        self.last = 0
        self._events: deque[TurnEvent] = deque()
        self._bytes = 0
        self._waiting: set[asyncio.Future[bool]] = set()

    def publish(self, events: Sequence[TurnEvent]) -> None:
        """Durable events, numbered on from the last."""
        if not events:
            return
        self._events.extend(events)
        self._bytes += sum(len(event.data) for event in events)
        self.last = events[-1].sequence
        while len(self._events) > MAX_EVENTS or (self._bytes > MAX_BYTES and len(self._events) > 1):
            self._bytes -= len(self._events.popleft().data)
        self._wake()

    def end(self, problem: DoorwardError | None = None) -> None:
        """No more events come; with a `problem`, the log could not be closed."""
        self.ended = True
        self.problem = problem
        self._wake()

    def after(self, sequence: int) -> list[TurnEvent] | None:
        """What follows `sequence`; None when that is no longer held."""
        if sequence >= self.last:
            return []
        if not self._events:  # nothing was published since another process left the turn
            return None
        skip = sequence + 1 - self._events[0].sequence
        return None if skip < 0 else list(islice(self._events, skip, None))

    async def changed(self, seconds: float) -> bool:
        """Wait for news. False after `seconds` of silence."""
        loop = asyncio.get_running_loop()
        news: asyncio.Future[bool] = loop.create_future()
        self._waiting.add(news)
        silence = loop.call_later(seconds, _resolve, news, False)
        try:
            return await news
        finally:
            silence.cancel()
            self._waiting.discard(news)

    def _wake(self) -> None:
        for news in self._waiting:
            _resolve(news, True)


def _resolve(news: "asyncio.Future[bool]", value: bool) -> None:
    if not news.done():
        news.set_result(value)
