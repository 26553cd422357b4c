"""Samples of the metrics, a bounded number of them, and what a day cost. The sampler writes, operators read."""

import sqlite3

import msgspec

from doorward.model.budget import EVERYBODY
from doorward.model.metrics import Sample, Spend
from doorward.ports.operator import Window
from doorward.stores.sqlite.database import Row, SqliteDatabase
from doorward.stores.sqlite.writer import Transaction

_ADD = "INSERT OR REPLACE INTO metric_samples (window, at, data) VALUES (?, ?, ?)"
_FORGET = """DELETE FROM metric_samples WHERE window = ?1 AND at <=
    (SELECT at FROM metric_samples WHERE window = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?2)"""
_NEWEST = "SELECT data FROM metric_samples WHERE window = ? ORDER BY at DESC LIMIT ?"
_USED = "SELECT sum(turns), sum(input_tokens + output_tokens) FROM usage_days WHERE day = ?"
_MONEY = "SELECT money FROM budget_days WHERE owner = ? AND day = ?"

_pack = msgspec.msgpack.encode
_unpack = msgspec.msgpack.Decoder(Sample).decode


class SqliteMetrics:
    """`MetricsStore` on SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def add(self, window: Window, sample: Sample, *, keep: int) -> None:
        packed = _pack(sample)

        def add(transaction: Transaction) -> None:
            transaction.execute(_ADD, (window, sample.at, packed))
            transaction.execute(_FORGET, (window, keep))

        await self._database.submit(add)

    async def newest(self, window: Window, *, limit: int) -> list[Sample]:
        def newest(connection: sqlite3.Connection) -> list[Row]:
            return connection.execute(_NEWEST, (window, limit)).fetchall()

        rows = await self._database.read_in_thread(newest)
        return [_unpack(data) for (data,) in reversed(rows)]

    async def spend(self, day: str) -> Spend:
        def spend(connection: sqlite3.Connection) -> tuple[Row, Row | None]:
            used: Row = connection.execute(_USED, (day,)).fetchone()
            return used, connection.execute(_MONEY, (EVERYBODY, day)).fetchone()

        (turns, tokens), money = await self._database.read_in_thread(spend)
        return Spend(turns=turns or 0, tokens=tokens or 0, money=money[0] if money else 0)
