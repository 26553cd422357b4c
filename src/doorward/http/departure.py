"""Notices that a client has gone away while its answer is being made. Used by the agent door and by the worker."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from doorward.http.asgi import Receive

# Seconds that an exchange runs before anybody looks: short ones never start a task for it.
WATCH_AFTER = 0.05


class Departure:
    """Waits for `gone` in a task of its own and then calls `then`, once. Make it inside the event loop; close it."""

    def __init__(self, gone: Callable[[], Coroutine[Any, Any, object]], then: Callable[[], object]) -> None:
        self._gone = gone
        self._then = then
        self._task: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._start)

    def close(self) -> None:
        """Watch no longer."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()

    def _start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        await self._gone()
        self._then()


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone away. What it still sends is dropped."""
    while (await receive())["type"] != "http.disconnect":
        pass
