"""Gives up on an agent that has fallen silent: a bound on the wait for its first byte, and for each further one (F-21).

The invoker puts it around every answer. Raises `AgentTimeout`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from doorward.errors import AgentTimeout
from doorward.model.chunks import close_chunks

T = TypeVar("T")


async def in_time(waiting: Awaitable[T], seconds: float) -> T:
    """What is waited for, if it comes in time."""
    scope = asyncio.timeout(seconds)
    try:
        async with scope:
            return await waiting
    except TimeoutError:
        if not scope.expired():
            raise
        raise AgentTimeout("The agent has fallen silent.") from None


class Unsilent:
    """An answer's chunks, each in its time."""

    def __init__(self, chunks: AsyncIterator[bytes], seconds: float) -> None:
        self._chunks = chunks
        self._seconds = seconds

    def __aiter__(self) -> "Unsilent":
        return self

    async def __anext__(self) -> bytes:
        return await in_time(anext(self._chunks), self._seconds)

    async def aclose(self) -> None:
        """Hang up."""
        await close_chunks(self._chunks)
