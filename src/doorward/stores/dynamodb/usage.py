"""What a user spent, by UTC day. The usage service reads it through its port; `turn_ends.py` adds to it."""

from datetime import UTC, datetime

from doorward.model.budget import Amount
from doorward.model.chat import DayUsage, Usage
from doorward.stores.days import first_day
from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.budgets import used
from doorward.stores.dynamodb.table import Range, Table
from doorward.stores.dynamodb.writes import Write, update


def counted(owner: str, usage: Usage, *, at: float, turns: int = 1) -> Write:
    """Count one turn that ended at `at`, or with `turns` of 0 what was spent beside them."""
    day = datetime.fromtimestamp(at, UTC).date().isoformat()
    return update(
        layout.usage(owner, day),
        "ADD #turns :turns, #input :input, #output :output",
        turns=turns,
        input=usage.input_tokens,
        output=usage.output_tokens,
    )


class DynamoUsage:
    """`UsageStore` on DynamoDB."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def add(self, owner: str, usage: Usage, *, at: float) -> None:
        await self._table.write(counted(owner, usage, at=at, turns=0))

    async def used(self, owner: str, *, day: str) -> Amount:
        return await used(self._table, owner, day)

    async def by_day(self, owner: str, *, days: int, today: str) -> list[DayUsage]:
        first, last = layout.usage(owner, first_day(days, today)), layout.usage(owner, today)
        items = await self._table.query(first.pk, Range(first.sk, last.sk), newest=True)
        return [
            DayUsage(
                day=item["sk"].partition("#")[2],
                turns=item["turns"],
                input_tokens=item["input"],
                output_tokens=item["output"],
            )
            for item in items
        ]
