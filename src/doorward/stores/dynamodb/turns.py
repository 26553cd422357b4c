"""Turns with their event logs: how they begin, grow and are read; `turn_ends.py` has how they end.

Each write is one transaction whose conditions say what was read before it. When one does not hold, somebody else was
faster: it is read again, and either refused or tried anew, a bounded number of times. Refuses a second running turn in
a conversation, and events that leave a gap.
"""

from collections.abc import Sequence

from msgspec import Struct

from doorward.errors import Conflict, InvalidInput, NotFound
from doorward.model.chat import Idempotency, NewTurn, OpenTurn, Turn, TurnEvent, TurnResult, TurnStatus
from doorward.stores.dynamodb import found, layout
from doorward.stores.dynamodb.budgets import exhausted, held, set_aside
from doorward.stores.dynamodb.equal_sends import keep_key, same_body
from doorward.stores.dynamodb.forgotten import not_being_forgotten
from doorward.stores.dynamodb.found import Found
from doorward.stores.dynamodb.layout import Key
from doorward.stores.dynamodb.parts import Parts, joined
from doorward.stores.dynamodb.search import words_item
from doorward.stores.dynamodb.table import ATTEMPTS, ConditionFailed, Range, Table, contended
from doorward.stores.dynamodb.turn_ends import event_batch, finish
from doorward.stores.dynamodb.values import Item
from doorward.stores.dynamodb.writes import NEW, Write, put, update
from doorward.stores.event_batch import LAST_EVENT, packed, unpacked

LAST_POSITION = 9_999_999_999
_BATCHES_AT_ONCE = 32


class _Beginning(Struct, frozen=True, kw_only=True):
    """What was read before a turn begins: its conversation, and the item of its key when that is too old to count."""

    conversation: Found | None
    old_key: Item | None
    number: int
    position: int


class DynamoTurns:
    """`KeyedTurnStore` on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def begin(self, turn: NewTurn) -> Turn:
        for _ in range(ATTEMPTS):
            begun = await self._begun(turn)
            if begun is not None:
                return begun
        raise contended()

    async def append_events(self, turn_id: str, events: Sequence[TurnEvent]) -> None:
        if not events:
            return
        data, first, last = packed(events), events[0].sequence, events[-1].sequence
        if not 1 <= first <= last < LAST_EVENT:
            raise InvalidInput("A turn has at most 16,777,215 events.", code="event_out_of_order")
        await self._growing(turn_id, first)
        grown = update(
            layout.turn(turn_id),
            "SET #last = :last",
            "#status = :running AND #last = :before",
            last=last,
            running=TurnStatus.RUNNING,
            before=first - 1,
        )
        parts = Parts(self._table)
        batch = await event_batch(parts, turn_id, events, data)
        try:
            await self._table.write(grown, batch)
        except ConditionFailed:
            # It did hold a moment ago: a first try was written and its answer was lost, or somebody else was faster.
            item = await self._table.get(layout.turn(turn_id))
            if item is None or item["last"] != last:
                await parts.take_back()
                await self._growing(turn_id, first)
                raise contended() from None

    async def finish(self, result: TurnResult) -> None:
        await finish(self._table, result, self.events)

    async def get(self, owner: str, turn_id: str) -> Turn | None:
        item = await self._table.get(layout.turn(turn_id))
        return found.turn(item) if item is not None and item["owner"] == owner else None

    async def keyed(self, owner: str, idempotency: Idempotency, *, at: float) -> Turn | None:
        item = await self._table.get(layout.equal_send(owner, idempotency.key))
        return await self._of_key(owner, idempotency, item, at=at)

    async def events(self, turn_id: str, *, after: int, limit: int) -> list[TurnEvent]:
        after = max(after, 0)
        last = min(after + limit, LAST_EVENT)
        if last <= after:
            return []
        # Each batch holds at least one event, mostly some; a few batches at a time read little that is not shown.
        within, at_once = Range(layout.last_event(after + 1), "E~"), min(limit, _BATCHES_AT_ONCE)
        read: list[TurnEvent] = []
        items: list[Item] = []
        async for page in self._table.pages(layout.events(turn_id), within, limit=at_once):
            items += page
            read = [event for item, data in joined(items) for event in unpacked(item["first"], data)]
            if read and read[-1].sequence >= last:
                break
        return [event for event in read if after < event.sequence <= last]

    async def open_turns(self) -> list[OpenTurn]:
        places = [item for shard in range(layout.SHARDS) for item in await self._table.query(layout.open_turns(shard))]
        order = [item["turn"] for item in sorted(places, key=lambda item: str(item["sk"]))]
        items = {item["id"]: item for item in await self._table.get_all([layout.turn(turn_id) for turn_id in order])}
        running = [items[turn_id] for turn_id in order if turn_id in items]
        return [await self._open_turn(item) for item in running if item["status"] == TurnStatus.RUNNING]

    async def _growing(self, turn_id: str, first: int) -> None:
        """Raise what keeps events from being appended as they are."""
        item = await self._table.get(layout.turn(turn_id))
        if item is None:
            raise NotFound("There is no such turn.")
        if item["status"] != TurnStatus.RUNNING:
            raise Conflict("This turn has ended.", code="turn_ended")
        if item["last"] != first - 1:
            raise Conflict("Events are numbered without gaps.", code="event_out_of_order")

    async def _open_turn(self, item: Item) -> OpenTurn:
        partition = layout.messages(item["owner"], item["number"])
        place = layout.position(item["position"])
        texts = joined(await self._table.query(partition, Range(place, f"{place}~")))
        return OpenTurn(
            turn=found.turn(item),
            issuer=item["issuer"],
            subject=item["subject"],
            tenant=item["tenant"],
            answer_id=item["answer_id"],
            request_id=item["request_id"],
            message="".join(data.decode() for _, data in texts),
            last_event=item["last"],
            first=item["position"] == 1,
        )

    async def _of_key(self, owner: str, idempotency: Idempotency, item: Item | None, *, at: float) -> Turn | None:
        """The turn that this key began, None when it is new or too old."""
        if item is None:
            return None
        known = await self.get(owner, item["turn"])
        if float(item["until"]) <= at and not (known and known.status is TurnStatus.RUNNING):
            return None
        same_body(item, idempotency)
        if known is None:
            raise NotFound("The turn of this Idempotency-Key was deleted with its conversation.")
        return known

    async def _begun(self, turn: NewTurn) -> Turn | None:
        """The turn, begun or known already; None when somebody else was faster and all has to be read again."""
        old_key = None
        if turn.idempotency is not None:
            old_key = await self._table.get(layout.equal_send(turn.owner, turn.idempotency.key))
            known = await self._of_key(turn.owner, turn.idempotency, old_key, at=turn.at)
            if known is not None:
                return known
        conversation = await found.conversation(self._table, turn.owner, turn.session_id)
        if conversation is not None and conversation.running == turn.turn_id:
            return _running(turn)  # a first try was written, and its answer was lost
        if conversation is not None and conversation.running:
            raise Conflict("A turn of this conversation is running.", code="turn_active")
        position = conversation.conversation.message_count + 1 if conversation else 1
        if position >= LAST_POSITION:
            raise Conflict("This conversation is full; begin a new one.", code="conversation_full")
        stamp = self._table.stamp()
        beginning = _Beginning(
            conversation=conversation,
            old_key=old_key,
            number=conversation.number if conversation else stamp,
            position=position,
        )
        parts = Parts(self._table)
        named = await _writes(turn, beginning, stamp, parts)
        try:
            await self._table.write(*(write for _, write in named))
        except ConditionFailed as failure:
            await parts.take_back()
            _refuse(turn, {named[place][0] for place in failure.failed})
            return None
        return _running(turn)


async def _writes(turn: NewTurn, beginning: _Beginning, stamp: int, parts: Parts) -> list[tuple[str, Write]]:
    """All that begins a turn, each with the name of what it means when its condition does not hold."""
    number, place = beginning.number, beginning.position
    open_turn = layout.open_turn(turn.turn_id, stamp)
    message = Key(layout.messages(turn.owner, number), layout.position(place))
    first_event = [TurnEvent(1, turn.first_event)]
    writes = [("conversation", _conversation(turn, beginning))]
    if beginning.conversation is None:
        writes += [
            ("forgotten", not_being_forgotten(turn.owner, turn.session_id)),
            ("", words_item(turn.owner, number, 0, turn.session_id, turn.conversation_name)),
        ]
    writes += [
        ("turn", put(layout.turn(turn.turn_id), _turn_item(turn, beginning, open_turn), NEW)),
        ("", await parts.put(message, _message_item(turn), turn.message.encode())),
        ("", words_item(turn.owner, number, place, turn.session_id, turn.message)),
        ("", await event_batch(parts, turn.turn_id, first_event, packed(first_event))),
        ("", put(open_turn, {"turn": turn.turn_id})),
    ]
    if turn.idempotency is not None:
        writes.append(("key", keep_key(turn, turn.idempotency, beginning.old_key)))
    if turn.reservation is not None:
        writes += [("budget", write) for write in set_aside(turn.reservation)]
    return writes


def _running(turn: NewTurn) -> Turn:
    return Turn(
        id=turn.turn_id, session_id=turn.session_id, owner=turn.owner, status=TurnStatus.RUNNING, started_at=turn.at
    )


def _refuse(turn: NewTurn, names: set[str]) -> None:
    """Raise what is final, in the order in which it is asked elsewhere; the rest may be tried again."""
    if names & {"conversation", "key"}:
        return
    if "budget" in names and turn.reservation is not None:
        raise exhausted(turn.reservation, at=turn.at)
    if "forgotten" in names:
        raise Conflict("The conversation of this id is being deleted; try again.", code="conversation_deleting")
    if "turn" in names:
        raise Conflict("There is a turn of this id.", code="turn_exists")


def _conversation(turn: NewTurn, beginning: _Beginning) -> Write:
    key = layout.conversation(turn.owner, turn.session_id)
    place = layout.recent(turn.at, beginning.number)
    if beginning.conversation is None:
        item = {
            "session": turn.session_id,
            "name": turn.conversation_name,
            "renamed": False,
            "created": turn.at,
            "updated": turn.at,
            layout.RECENT: place,
            "count": 1,
            "number": beginning.number,
            "running": turn.turn_id,
        }
        return put(key, item, NEW)
    return update(
        key,
        f"SET #updated = :at, #{layout.RECENT} = :place, #count = :count, #running = :turn",
        "#number = :number AND #count = :was AND attribute_not_exists(#running)",
        at=turn.at,
        place=place,
        count=beginning.position,
        turn=turn.turn_id,
        number=beginning.number,
        was=beginning.position - 1,
    )


def _turn_item(turn: NewTurn, beginning: _Beginning, open_turn: Key) -> Item:
    return {
        "id": turn.turn_id,
        "session": turn.session_id,
        "owner": turn.owner,
        "number": beginning.number,
        "position": beginning.position,
        "status": TurnStatus.RUNNING.value,
        "started": turn.at,
        "last": 1,
        "request_id": turn.request_id,
        "issuer": turn.issuer,
        "subject": turn.subject,
        "tenant": turn.tenant,
        "answer_id": turn.answer_id,
        "open": open_turn.sk,
        **(held(turn.reservation) if turn.reservation is not None else {}),
    }


def _message_item(turn: NewTurn) -> Item:
    return {"id": turn.message_id, "role": "user", "at": turn.at, "turn": turn.turn_id, "status": "complete"}
