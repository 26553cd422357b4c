"""What a deleted conversation leaves: messages, words, turns, events. Nothing leads to it any more; here it is removed.

That may take many calls, so it is done for a time, and gone on with later. `conversations.py` and `forgotten.py` call.

INVARIANT: what is to be removed stands in the table until all of it is gone, and a message until its turn is, so that
another process can go on with it at any point.
"""

import random
import time

import structlog

from doorward.errors import StoreUnavailable
from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.layout import Key
from doorward.stores.dynamodb.table import Range, Table
from doorward.stores.dynamodb.values import Item
from doorward.stores.dynamodb.writes import Write, put
from doorward.stores.together import all_of

log = structlog.get_logger()

# How long a sweep works on all that is left, in seconds.
SWEEP_SECONDS = 60.0
_MESSAGES = 100
_TURNS_AT_ONCE = 8
_NOTES = 100


def to_be_erased(owner: str, number: int) -> Write:
    """The note of it, for the transaction that deletes."""
    return put(layout.removed(owner, number), {"owner": owner, "number": number})


async def erase(table: Table, owner: str, number: int, *, within: float) -> bool:
    """Remove it, and then the note; whether all of it is gone after so many seconds. May be done by several at once.

    What the store refuses meanwhile is left for later too.
    """
    until = time.monotonic() + within
    try:
        words = Range(prefix=f"{number:020d}#")
        gone = await _emptied(table, layout.words_of_user(owner), words, until)
        gone = gone and await _messages(table, owner, number, until)
        if gone:
            await table.delete_all([layout.removed(owner, number)])
    except StoreUnavailable as error:
        log.warning("erasing_put_off", code=error.code)
        return False
    return gone


async def erase_what_is_left(table: Table) -> None:
    """Go on with deletions whose process died, or that took too long. In no order, so that none is always the last."""
    until = time.monotonic() + SWEEP_SECONDS
    left = await table.query(layout.REMOVED, limit=_NOTES)
    random.shuffle(left)
    for note in left:
        if time.monotonic() >= until:
            return
        await erase(table, note["owner"], note["number"], within=until - time.monotonic())


async def _messages(table: Table, owner: str, number: int, until: float) -> bool:
    async for items in table.pages(layout.messages(owner, number), limit=_MESSAGES):
        turns = sorted({item["turn"] for item in items if "turn" in item})
        for first in range(0, len(turns), _TURNS_AT_ONCE):
            some = turns[first : first + _TURNS_AT_ONCE]
            if not all(await all_of(_emptied(table, layout.events(turn_id), Range(), until) for turn_id in some)):
                return False
        await table.delete_all(_keys(items))
    return True


async def _emptied(table: Table, partition: str, within: Range, until: float) -> bool:
    async for items in table.pages(partition, within):
        if time.monotonic() >= until:
            return False
        await table.delete_all(_keys(items))
    return True


def _keys(items: list[Item]) -> list[Key]:
    return [Key(item["pk"], item["sk"]) for item in items]
