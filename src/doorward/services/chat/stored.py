"""Turns as they are stored: their events, and their end. Used by the chat services."""

from collections.abc import AsyncIterator

from doorward.model.chat import Turn, TurnEvent, TurnStatus
from doorward.ports.conversations import TurnStore
from doorward.services.chat import agui
from doorward.services.chat.failures import Failure
from doorward.services.chat.run import Outcome

READ_BATCH = 512


async def stored_events(turns: TurnStore, turn_id: str, after: int) -> AsyncIterator[list[TurnEvent]]:
    """All events after `after` that are there, in batches."""
    while batch := await turns.events(turn_id, after=after, limit=READ_BATCH):
        after = batch[-1].sequence
        yield batch


async def stored_outcome(turns: TurnStore, turn: Turn) -> Outcome:
    """The outcome of a turn that has ended."""
    text = agui.AnswerText()
    async for batch in stored_events(turns, turn.id, 0):
        agui.add_stored(text, batch)
    failure = None if turn.status is TurnStatus.COMPLETED else Failure(turn.error_code or f"turn_{turn.status}")
    return Outcome(turn=turn, content=str(text), failure=failure)
