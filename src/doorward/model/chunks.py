"""Ends a stream early. Whoever reads an answer's chunks and goes away before their end says so here."""

from collections.abc import AsyncIterator
from typing import Any


async def close_chunks(chunks: AsyncIterator[Any] | None) -> None:
    """Tell whoever makes these chunks that no more are wanted. Any iterator with an ``aclose`` is told, not only
    generators: an answer that nobody hangs up on runs on, and costs (AP-LIM-04)."""
    close = getattr(chunks, "aclose", None)
    if close is not None:
        await close()
