"""Two agents as plain functions: no framework at all. `main` answers whole, `stream` piece by piece."""

import asyncio
from collections.abc import AsyncIterator


async def main(message: str) -> dict:
    """Measure a text."""
    words = message.split()
    longest = max(words, key=len, default="")
    return {"response": f"{len(words)} words, {len(message)} characters; the longest word is {longest!r}."}


async def stream(message: str) -> AsyncIterator[str]:
    """Spell a text, a word a moment."""
    for number, word in enumerate(message.split(), start=1):
        yield f"{number}. {word}\n"
        await asyncio.sleep(0.01)
