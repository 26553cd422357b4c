"""Names that are taken for a time."""

import contextlib
import secrets

from doorward.ports.clock import Clock
from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.table import ConditionFailed, Table
from doorward.stores.dynamodb.writes import delete, put

# Whoever takes one is named, so that a try whose answer was lost, made again by the client, has still taken it.
_FREE = "attribute_not_exists(#pk) OR #until <= :now OR #by = :me"


class DynamoMarks:
    """`ports.functions.Marks` on DynamoDB."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def take(self, name: str, *, until: float) -> str | None:
        me = secrets.token_hex(8)
        item = {"until": until, "by": me, layout.TIME_TO_LIVE: int(until) + 1}
        taken = await self._table.put_alone(put(layout.mark(name), item, _FREE, now=self._clock(), me=me))
        return me if taken else None

    async def taken(self, name: str) -> bool:
        item = await self._table.get(layout.mark(name))
        return item is not None and float(item["until"]) > self._clock()

    async def give(self, name: str, by: str) -> None:
        with contextlib.suppress(ConditionFailed):
            await self._table.write(delete(layout.mark(name), "#by = :by", by=by))
