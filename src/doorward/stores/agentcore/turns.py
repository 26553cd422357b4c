"""Turns whose texts are in the memory: the store beneath is given the id of the event in the place of each text.

INVARIANT: the store beneath decides. A text is kept before the transaction that leads to it, so that what leads to a
text never leads to nothing; a text that nothing leads to is of no effect, and goes with its conversation.
"""

from collections import OrderedDict
from collections.abc import Sequence

import structlog
from msgspec.structs import replace

from doorward.errors import DoorwardError, StoreUnavailable
from doorward.model.chat import (
    Idempotency,
    NewTurn,
    OpenTurn,
    Turn,
    TurnEvent,
    TurnResult,
    TurnStatus,
)
from doorward.ports.conversations import KeyedTurnStore
from doorward.stores.agentcore.texts import Place, Said, Texts

log = structlog.get_logger()

_REMEMBERED = 4096


class AgentCoreTurns:
    """`KeyedTurnStore` with its texts in AgentCore Memory."""

    def __init__(self, beneath: KeyedTurnStore, texts: Texts) -> None:
        self._beneath = beneath
        self._texts = texts
        # Where the turns of this process are; of others' the store beneath is asked.
        self._places: OrderedDict[str, Place] = OrderedDict()

    async def keyed(self, owner: str, idempotency: Idempotency, *, at: float) -> Turn | None:
        return await self._beneath.keyed(owner, idempotency, at=at)

    async def begin(self, turn: NewTurn) -> Turn:
        place = Place(turn.owner, turn.session_id)
        said = Said(text=turn.message, role="USER", at=turn.at, message_id=turn.message_id, turn_id=turn.turn_id)
        event_id = await self._texts.keep(place, said) if turn.message else ""
        try:
            begun = await self._beneath.begin(replace(turn, message=event_id))
        except StoreUnavailable:
            raise  # it may have been written, and leads to the text then
        except DoorwardError:
            await self._texts.drop(place, event_id)
            raise
        if begun.id != turn.turn_id:
            await self._texts.drop(place, event_id)
        else:
            self._remember(turn.turn_id, place)
        return begun

    async def append_events(self, turn_id: str, events: Sequence[TurnEvent]) -> None:
        await self._beneath.append_events(turn_id, events)

    async def finish(self, result: TurnResult) -> None:
        place = await self._place(result.turn_id) if result.content else None
        if place is None:  # nothing was said, or the turn has ended or never was: the store beneath says so
            await self._beneath.finish(replace(result, content=""))
            self._places.pop(result.turn_id, None)
            return
        said = Said(
            text=result.content,
            role="ASSISTANT",
            at=result.at,
            message_id=result.message_id,
            turn_id=result.turn_id,
        )
        await self._end(place, result, await self._texts.keep(place, said, once=True))
        self._places.pop(result.turn_id, None)

    async def _end(self, place: Place, result: TurnResult, event_id: str) -> None:
        try:
            await self._beneath.finish(replace(result, content=event_id))
        except StoreUnavailable:
            raise  # it may have been written, and leads to the text then
        except DoorwardError:  # it was deleted meanwhile, or can never be written
            await self._texts.drop(place, event_id)
            raise

    async def get(self, owner: str, turn_id: str) -> Turn | None:
        turn = await self._beneath.get(owner, turn_id)
        if turn is not None and turn.status is TurnStatus.RUNNING:
            self._remember(turn_id, Place(owner, turn.session_id))
        return turn

    async def events(self, turn_id: str, *, after: int, limit: int) -> list[TurnEvent]:
        return await self._beneath.events(turn_id, after=after, limit=limit)

    async def open_turns(self) -> list[OpenTurn]:
        return [await self._told(turn) for turn in await self._beneath.open_turns()]

    async def _told(self, turn: OpenTurn) -> OpenTurn:
        """Without the memory its message is not told: who closes a turn, or goes on with it, does not need it."""
        place = Place(turn.turn.owner, turn.turn.session_id)
        self._remember(turn.turn.id, place)
        if not turn.message:
            return turn
        try:
            texts = await self._texts.read(place, [turn.message])
        except StoreUnavailable as error:
            log.warning("message_not_read", turn=turn.turn.id, code=error.code)
            texts = {}
        return replace(turn, message=texts.get(turn.message, ""))

    async def _place(self, turn_id: str) -> Place | None:
        if turn_id in self._places:
            return self._places[turn_id]
        for turn in await self._beneath.open_turns():
            if turn.turn.id == turn_id:
                return Place(turn.turn.owner, turn.turn.session_id)
        return None

    def _remember(self, turn_id: str, place: Place) -> None:
        self._places[turn_id] = place
        if len(self._places) > _REMEMBERED:
            self._places.popitem(last=False)
