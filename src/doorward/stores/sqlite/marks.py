"""Names that are taken for a time. Several processes of one machine may share them: the file decides."""

import secrets

from doorward.ports.clock import Clock
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction


class SqliteMarks:
    """`ports.functions.Marks` on SQLite."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take(self, name: str, *, until: float) -> str | None:
        now = self._clock()
        me = secrets.token_hex(8)

        def take(transaction: Transaction) -> str | None:
            transaction.execute("DELETE FROM marks WHERE until <= ?", (now,))
            taken = transaction.execute(
                "INSERT INTO marks (name, until, taken_by) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (name, until, me)
            )
            return me if taken.rowcount == 1 else None

        return await self._database.submit(take)

    async def taken(self, name: str) -> bool:
        return bool(self._database.read("SELECT 1 FROM marks WHERE name = ? AND until > ?", (name, self._clock())))

    async def give(self, name: str, by: str) -> None:
        def give(transaction: Transaction) -> None:
            transaction.execute("DELETE FROM marks WHERE name = ? AND taken_by = ?", (name, by))

        await self._database.submit(give)
