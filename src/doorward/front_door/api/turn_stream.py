"""A turn's numbered events as server-sent events. Called by the handlers of chat and turns."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

from doorward.model.chat import TurnEvent
from doorward.model.chunks import close_chunks
from doorward.model.principals import User
from doorward.ports.services import Chat

HEARTBEAT = b": heartbeat\n\n"
RESET = b"event: reset\ndata: {}\n\n"
# How long the event a client says it has seen may take to show up before the client is told to start anew, in seconds.
RESUME_PATIENCE = 1.0


def frames(events: Sequence[TurnEvent]) -> bytes:
    """A batch as one chunk. JSON has no raw line breaks inside strings, so dropping them cannot change its meaning, and
    an event can never break out of its frame (AP-TOL-13)."""
    return b"".join(b"id: %d\ndata: %b\n\n" % (event.sequence, event.data.translate(None, b"\r\n")) for event in events)


async def stream(batches: AsyncIterator[list[TurnEvent]]) -> AsyncGenerator[bytes, None]:
    """Chunks for each batch; an empty batch is a heartbeat. Ends with the log, and hangs up when it is closed."""
    try:
        async for batch in batches:
            yield frames(batch) if batch else HEARTBEAT
    finally:
        await close_chunks(batches)


async def resumed(chat: Chat, user: User, turn_id: str, after: int) -> AsyncIterator[bytes]:
    """The stream after event `after`. Raises `NotFound` before the first chunk for another's turn (AP-SES-04).

    The log is read from the event that the client says it has seen. When that one is not there, the client's count
    belongs to something else: it gets ``event: reset`` and then the whole log.
    """
    batches = await chat.events(user, turn_id, after=max(0, after - 1))
    if after == 0:
        return stream(batches)
    return _from_known(chat, user, turn_id, (after, batches))


async def _from_known(
    chat: Chat, user: User, turn_id: str, seen: tuple[int, AsyncIterator[list[TurnEvent]]]
) -> AsyncGenerator[bytes, None]:
    after, batches = seen
    first = await _first_batch(batches)
    if first and first[0].sequence == after:
        if len(first) > 1:
            yield frames(first[1:])
    else:
        await close_chunks(batches)
        yield RESET
        batches = await chat.events(user, turn_id, after=0)
    async with aclosing(stream(batches)) as chunks:
        async for chunk in chunks:
            yield chunk


async def _first_batch(batches: AsyncIterator[list[TurnEvent]]) -> list[TurnEvent]:
    try:
        async with asyncio.timeout(RESUME_PATIENCE):
            return await anext(batches, [])
    except TimeoutError:
        return []
