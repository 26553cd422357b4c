"""What a deleted conversation leaves: messages, words, turns, events. Nothing leads to it any more; here it is removed,
which may take many calls. `conversations.py` calls it.

INVARIANT: what is to be removed stands in the table until all of it is gone, so that another process can go on with it.
"""

from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.layout import Key
from doorward.stores.dynamodb.table import Range, Table
from doorward.stores.dynamodb.values import Item
from doorward.stores.dynamodb.writes import Write, put


def to_be_erased(owner: str, number: int) -> Write:
    """The note of it, for the transaction that deletes."""
    return put(layout.removed(owner, number), {"owner": owner, "number": number})


async def erase(table: Table, owner: str, number: int) -> None:
    """Remove all of it, and then the note. May be done by several at once."""
    words = Range(prefix=f"{number:020d}#")
    await _emptied(table, layout.words_of_user(owner), words)
    async for items in table.pages(layout.messages(owner, number)):
        for turn_id in {item["turn"] for item in items if "turn" in item}:
            await _emptied(table, layout.events(turn_id), Range())
        await table.delete_all(_keys(items))
    await table.delete_all([layout.removed(owner, number)])


async def _emptied(table: Table, partition: str, within: Range) -> None:
    async for items in table.pages(partition, within):
        await table.delete_all(_keys(items))


def _keys(items: list[Item]) -> list[Key]:
    return [Key(item["pk"], item["sk"]) for item in items]
