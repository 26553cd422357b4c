"""Sessions of the embedded sign-in that were signed out: an old copy of a cookie stays refused, over a restart too."""

from doorward.ports.clock import Clock
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction

_SWEEP = """DELETE FROM signed_out WHERE session_id IN (
    SELECT session_id FROM signed_out WHERE until < ? ORDER BY until LIMIT 8)"""


class SqliteSignedOut:
    """`SignedOutStore` on SQLite. Rows of sessions that have ended by themselves go as new ones come."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add(self, session_id: str, *, until: float) -> None:
        now = self._clock()

        def add(transaction: Transaction) -> None:
            transaction.execute(_SWEEP, (now,))
            transaction.execute(
                "INSERT INTO signed_out (session_id, until) VALUES (?, ?) ON CONFLICT DO NOTHING", (session_id, until)
            )

        await self._database.submit(add)

    async def holds(self, session_id: str) -> bool:
        return bool(self._database.read("SELECT 1 FROM signed_out WHERE session_id = ?", (session_id,)))

    async def all_ended_at(self, subject: str) -> float:
        rows = self._database.read("SELECT at FROM all_signed_out WHERE subject = ?", (subject,))
        return float(rows[0][0]) if rows else 0.0
