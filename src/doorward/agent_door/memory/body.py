"""Reads the body of Memory's operations, and bounds it: an event may be large, any other is small.

Who sends it is not proven yet, so nothing here depends on which memories there are, and only a few large bodies are
read at once.
"""

import asyncio
from collections.abc import Mapping

from doorward.agent_door.checks.body import BODY_SECONDS
from doorward.agent_door.visit import Operation, Visit
from doorward.model.verdicts import Deny, Verdict

_SMALL = 65_536
_LARGE_AT_ONCE = 8
_PATIENCE = 5.0  # seconds


class MemoryBody:
    """`largest` is what the largest event of any memory may have, in bytes."""

    def __init__(self, largest: int) -> None:
        self._largest = max(largest, _SMALL)
        self._large = asyncio.Semaphore(_LARGE_AT_ONCE)

    async def check(self, visit: Visit) -> Verdict | None:
        if visit.operation is not Operation.CREATE_EVENT or _says_small(visit):
            visit.body = await visit.request.read_body(limit=_SMALL, timeout=BODY_SECONDS)
            return None
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._large.acquire()
        except TimeoutError:
            detail = "Too many large events are being sent; try again later."
            return Deny(code="memory_throttled", detail=detail, status=429, headers={"Retry-After": "1"})
        try:
            visit.body = await visit.request.read_body(limit=self._largest, timeout=BODY_SECONDS)
        finally:
            self._large.release()
        return None


class EventSize:
    """An event is no larger than its memory takes. `limits` are bytes by the id of the memory."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits

    async def check(self, visit: Visit) -> Verdict | None:
        memory = visit.memory.memory if visit.memory else ""
        limit = self._limits.get(memory, _SMALL)
        if visit.operation is not Operation.CREATE_EVENT or len(visit.body) <= limit:
            return None
        return Deny(code="body_too_large", detail=f"The body is larger than {limit} bytes.", status=413)


def _says_small(visit: Visit) -> bool:
    """By its Content-Length, which the server holds it to. One without may be of any size."""
    length = visit.header("content-length") or ""
    return length.isascii() and length.isdigit() and len(length) < 10 and int(length) <= _SMALL
