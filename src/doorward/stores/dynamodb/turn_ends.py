"""How a turn ends, in one transaction: last events, answer, outcome, usage, and what it cost. `turns.py` calls it."""

from collections.abc import Awaitable, Callable, Sequence

from doorward.errors import Conflict, NotFound
from doorward.model.chat import TurnEvent, TurnResult, TurnStatus
from doorward.stores.dynamodb import found, layout
from doorward.stores.dynamodb.budgets import aside_of, settled
from doorward.stores.dynamodb.found import Found
from doorward.stores.dynamodb.layout import Key
from doorward.stores.dynamodb.parts import Parts
from doorward.stores.dynamodb.search import words_item
from doorward.stores.dynamodb.table import ATTEMPTS, ConditionFailed, Table, contended
from doorward.stores.dynamodb.usage import counted
from doorward.stores.dynamodb.values import Item
from doorward.stores.dynamodb.writes import Write, delete, update
from doorward.stores.event_batch import packed

# Reads a turn's log: its id, after which number, how many at most.
ReadEvents = Callable[..., Awaitable[list[TurnEvent]]]


async def event_batch(parts: Parts, turn_id: str, events: Sequence[TurnEvent], data: bytes) -> Write:
    """The write of a batch, under the number of its last event."""
    key = Key(layout.events(turn_id), layout.last_event(events[-1].sequence))
    return await parts.put(key, {"first": events[0].sequence}, data)


async def finish(table: Table, result: TurnResult, read: ReadEvents) -> None:
    """End it, with the last events that `read` does not know yet. A turn that has ended stays as it is."""
    packed(result.events)  # they are numbered without gaps
    for _ in range(ATTEMPTS):
        item = await table.get(layout.turn(result.turn_id))
        if item is None:
            raise NotFound("There is no such turn.")
        if item["status"] != TurnStatus.RUNNING:
            return
        events = await _new(result, item["last"], read)
        known = await found.conversation(table, item["owner"], item["session"])
        if known is None:
            raise NotFound("There is no such turn.")
        parts = Parts(table)
        try:
            await table.write(*await _ending(parts, result, item, known, events))
        except ConditionFailed:
            await parts.take_back()
            continue
        return
    raise contended()


async def _new(result: TurnResult, last: int, read: ReadEvents) -> Sequence[TurnEvent]:
    """The events that are not in the log, which ends at `last`. An append whose answer was lost may be in it: what the
    result holds of that has to be the same."""
    events = result.events
    if not events or events[0].sequence == last + 1:
        return events
    there = last + 1 - events[0].sequence
    known = await read(result.turn_id, after=events[0].sequence - 1, limit=there) if 0 < there <= len(events) else None
    if known != list(events[:there]):
        raise Conflict("Events are numbered without gaps.", code="event_out_of_order")
    return events[there:]


async def _ending(
    parts: Parts, result: TurnResult, item: Item, known: Found, events: Sequence[TurnEvent]
) -> list[Write]:
    owner, session, place = item["owner"], item["session"], known.conversation.message_count
    writes = [
        _outcome(result, item, item["last"] + len(events)),
        delete(Key(layout.open_turn(result.turn_id, 0).pk, item["open"])),
        counted(owner, result.usage, at=result.at),
    ]
    if result.content or result.status in (TurnStatus.FAILED, TurnStatus.INTERRUPTED):
        place += 1
        key = Key(layout.messages(owner, known.number), layout.position(place))
        writes += [
            await parts.put(key, _answer(result), result.content.encode()),
            words_item(owner, known.number, place, session, result.content),
        ]
    writes.append(_conversation(result, item, known, place))
    aside = aside_of(item)
    if result.spent is not None and aside is not None:
        writes += settled(aside, result.spent)
    if events:
        writes.append(await event_batch(parts, result.turn_id, events, packed(events)))
    return writes


def _outcome(result: TurnResult, item: Item, last: int) -> Write:
    usage = result.usage
    error = ", #error = :error" if result.error_code is not None else ""
    return update(
        layout.turn(result.turn_id),
        "SET #status = :status, #finished = :at, #model = :model, #input = :input, #output = :output, #last = :last"
        + error,
        "#status = :running AND #last = :before",
        status=result.status.value,
        at=result.at,
        model=usage.model,
        input=usage.input_tokens,
        output=usage.output_tokens,
        last=last,
        running=TurnStatus.RUNNING.value,
        before=item["last"],
        error=result.error_code,
    )


def _conversation(result: TurnResult, item: Item, known: Found, place: int) -> Write:
    return update(
        layout.conversation(item["owner"], item["session"]),
        f"SET #updated = :at, #{layout.RECENT} = :place, #count = :count REMOVE #running",
        "#number = :number AND #running = :turn",
        at=result.at,
        place=layout.recent(result.at, known.number),
        count=place,
        number=known.number,
        turn=result.turn_id,
    )


def _answer(result: TurnResult) -> Item:
    return {
        "id": result.message_id,
        "role": "assistant",
        "at": result.at,
        "turn": result.turn_id,
        "status": result.message_status.value,
    }
