"""The state that agents keep between turns. The runtime reads and writes it through its port."""

import sqlite3

from doorward.errors import InvalidInput
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction

STATE_LIMIT = 16 * 1024 * 1024


class SqliteCheckpoints:
    """`CheckpointStore` on SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def load(self, owner: str, agent: str, session_id: str) -> bytes | None:
        # May be megabytes: not on the event loop.
        def load(connection: sqlite3.Connection) -> bytes | None:
            row = connection.execute(
                "SELECT state FROM checkpoints WHERE owner = ? AND agent = ? AND session_id = ?",
                (owner, agent, session_id),
            ).fetchone()
            return None if row is None else bytes(row[0])

        return await self._database.read_in_thread(load)

    async def save(self, owner: str, agent: str, session_id: str, state: bytes) -> None:
        if len(state) > STATE_LIMIT:
            raise InvalidInput("The state of an agent may have at most 16 MiB.", code="state_too_large")

        def save(transaction: Transaction) -> None:
            transaction.execute(
                "INSERT INTO checkpoints (owner, agent, session_id, state) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (owner, agent, session_id) DO UPDATE SET state = excluded.state",
                (owner, agent, session_id, state),
            )

        await self._database.submit(save)

    async def delete(self, owner: str, agent: str, session_id: str) -> None:
        def delete(transaction: Transaction) -> None:
            transaction.execute(
                "DELETE FROM checkpoints WHERE owner = ? AND agent = ? AND session_id = ?", (owner, agent, session_id)
            )

        await self._database.submit(delete)
