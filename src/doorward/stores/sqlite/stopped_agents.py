"""Agents that an operator has stopped, so that they stay stopped over a restart."""

from doorward.stores.sqlite.database import SqliteDatabase

_ADD = "INSERT INTO stopped_agents (name, stopped_at) VALUES (?, ?) ON CONFLICT DO NOTHING"


class SqliteStoppedAgents:
    """`StoppedAgents` on SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def all(self) -> dict[str, float]:
        return dict(self._database.read("SELECT name, stopped_at FROM stopped_agents", ()))

    async def add(self, name: str, *, at: float) -> None:
        await self._database.submit(lambda transaction: transaction.execute(_ADD, (name, at)) and None)

    async def remove(self, name: str) -> None:
        await self._database.submit(
            lambda transaction: transaction.execute("DELETE FROM stopped_agents WHERE name = ?", (name,)) and None
        )
