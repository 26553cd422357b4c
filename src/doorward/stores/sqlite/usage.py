"""What a user spent, by UTC day. The usage service reads it through its port; `turns.py` adds to it."""

from datetime import UTC, datetime

from doorward.model.budget import Amount
from doorward.model.chat import DayUsage, Usage
from doorward.stores.days import first_day
from doorward.stores.sqlite.budgets import USED
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction

_ADD = """INSERT INTO usage_days (owner, day, turns, input_tokens, output_tokens) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (owner, day) DO UPDATE SET turns = turns + excluded.turns,
    input_tokens = input_tokens + excluded.input_tokens, output_tokens = output_tokens + excluded.output_tokens"""


def add_usage(transaction: Transaction, owner: str, usage: Usage, *, at: float, turns: int = 1) -> None:
    """Count one turn that ended at `at`, or with `turns` of 0 what was spent beside them."""
    day = datetime.fromtimestamp(at, UTC).date().isoformat()
    transaction.execute(_ADD, (owner, day, turns, usage.input_tokens, usage.output_tokens))


class SqliteUsage:
    """`UsageStore` on SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def add(self, owner: str, usage: Usage, *, at: float) -> None:
        await self._database.submit(lambda transaction: add_usage(transaction, owner, usage, at=at, turns=0))

    async def used(self, owner: str, *, day: str) -> Amount:
        rows = self._database.read(USED, (owner, day))
        return Amount(*rows[0]) if rows else Amount()

    async def by_day(self, owner: str, *, days: int, today: str) -> list[DayUsage]:
        rows = self._database.read(
            "SELECT day, turns, input_tokens, output_tokens FROM usage_days"
            " WHERE owner = ? AND day BETWEEN ? AND ? ORDER BY day DESC",
            (owner, first_day(days, today), today),
        )
        return [
            DayUsage(day=day, turns=turns, input_tokens=input_tokens, output_tokens=output_tokens)
            for day, turns, input_tokens, output_tokens in rows
        ]
