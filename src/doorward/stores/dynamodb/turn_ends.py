"""How a turn ends, in one transaction: last events, answer, outcome, usage, and what it cost. `turns.py` calls it."""

from doorward.errors import Conflict, NotFound
from doorward.model.chat import TurnResult, TurnStatus
from doorward.stores.dynamodb import found, layout
from doorward.stores.dynamodb.budgets import aside_of, settled
from doorward.stores.dynamodb.found import Found
from doorward.stores.dynamodb.layout import Key
from doorward.stores.dynamodb.parts import with_parts
from doorward.stores.dynamodb.search import words_item
from doorward.stores.dynamodb.table import ATTEMPTS, ConditionFailed, Table, contended
from doorward.stores.dynamodb.usage import counted
from doorward.stores.dynamodb.values import Item
from doorward.stores.dynamodb.writes import Write, delete, update


async def finish(table: Table, result: TurnResult, batch: Write | None) -> None:
    """End it with the `batch` of its last events. A turn that has ended stays as it is."""
    for _ in range(ATTEMPTS):
        item = await table.get(layout.turn(result.turn_id))
        if item is None:
            raise NotFound("There is no such turn.")
        if item["status"] != TurnStatus.RUNNING:
            return
        if result.events and result.events[0].sequence != item["last"] + 1:
            raise Conflict("Events are numbered without gaps.", code="event_out_of_order")
        known = await found.conversation(table, item["owner"], item["session"])
        if known is None:
            raise NotFound("There is no such turn.")
        try:
            await table.write(*await _ending(table, result, item, known), *([batch] if batch else []))
        except ConditionFailed:
            continue
        return
    raise contended()


async def _ending(table: Table, result: TurnResult, item: Item, known: Found) -> list[Write]:
    owner, session, place = item["owner"], item["session"], known.conversation.message_count
    writes = [
        _outcome(result, item),
        delete(Key(layout.open_turn(result.turn_id, 0).pk, item["open"])),
        counted(owner, result.usage, at=result.at),
    ]
    if result.content or result.status in (TurnStatus.FAILED, TurnStatus.INTERRUPTED):
        place += 1
        key = Key(layout.messages(owner, known.number), layout.position(place))
        writes += [
            await with_parts(table, key, _answer(result), result.content.encode()),
            words_item(owner, known.number, place, session, result.content),
        ]
    writes.append(_conversation(result, item, known, place))
    aside = aside_of(item)
    if result.spent is not None and aside is not None:
        writes += settled(aside, result.spent)
    return writes


def _outcome(result: TurnResult, item: Item) -> Write:
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
        last=item["last"] + len(result.events),
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
