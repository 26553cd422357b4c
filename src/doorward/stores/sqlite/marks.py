"""Names that are taken for a time. Several processes of one machine may share them: the file decides."""

from doorward.ports.clock import Clock
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction


class SqliteMarks:
    """`ports.functions.Marks` on SQLite."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take(self, name: str, *, until: float) -> bool:
        now = self._clock()

        def take(transaction: Transaction) -> bool:
            transaction.execute("DELETE FROM marks WHERE until <= ?", (now,))
            taken = transaction.execute(
                "INSERT INTO marks (name, until) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, until)
            )
            return taken.rowcount == 1

        return await self._database.submit(take)

    async def taken(self, name: str) -> bool:
        return bool(self._database.read("SELECT 1 FROM marks WHERE name = ? AND until > ?", (name, self._clock())))

    async def give(self, name: str) -> None:
        def give(transaction: Transaction) -> None:
            transaction.execute("DELETE FROM marks WHERE name = ?", (name,))

        await self._database.submit(give)
