"""The agents that are measured: plain functions without a model, so that what is left is the house."""

import asyncio
from collections.abc import AsyncIterator


async def main(message: str) -> dict[str, str]:
    """Answer at once, whole."""
    return {"response": f"You said {len(message)} characters."}


async def stream(message: str) -> AsyncIterator[str]:
    """As many small pieces as the message says, as fast as they are taken."""
    for number in range(int(message)):
        yield f"piece {number} "


async def paced(message: str) -> AsyncIterator[str]:
    """The same, but each piece comes in a moment of its own, as tokens of a model do."""
    for number in range(int(message)):
        await asyncio.sleep(0)
        yield f"piece {number} "


async def patient(message: str) -> AsyncIterator[str]:
    """One piece, then nothing for ten minutes."""
    yield message
    await asyncio.sleep(600)


async def ticking(message: str) -> AsyncIterator[str]:
    """As many pieces as the message says, one every 20 ms."""
    for number in range(int(message)):
        yield f"piece {number} "
        await asyncio.sleep(0.02)
