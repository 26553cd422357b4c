"""Signatures that were used at the agent door, so that a captured request works once, also after a restart."""

from doorward.ports.clock import Clock
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction

# Expired rows go with every 64th use, at most 256 at once: no timer, and no write that takes long.
_SWEEP_EVERY = 64
_SWEEP = """DELETE FROM used_signatures WHERE signature IN (
    SELECT signature FROM used_signatures WHERE until < ? ORDER BY until LIMIT 256)"""
# Kept a little longer than asked, against a clock that is set back.
_MARGIN_SECONDS = 60.0


class SqliteReplay:
    """`ReplayStore` on SQLite."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._uses = 0

    async def first_use(self, signature: str, *, until: float) -> bool:
        sweep_before = self._clock() - _MARGIN_SECONDS if self._uses % _SWEEP_EVERY == 0 else None
        self._uses += 1

        def use(transaction: Transaction) -> bool:
            if sweep_before is not None:
                transaction.execute(_SWEEP, (sweep_before,))
            inserted = transaction.execute(
                "INSERT INTO used_signatures (signature, until) VALUES (?, ?) ON CONFLICT DO NOTHING",
                (signature, until),
            )
            return inserted.rowcount == 1

        return await self._database.submit(use)
