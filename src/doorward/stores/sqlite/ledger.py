"""The ledger on SQLite. Every door writes through it; the command line verifies with it.

The head of the chain is read inside the write transaction (once per batch), so that a second process that appends to
the same file cannot fork the chain. Triggers refuse UPDATE and DELETE.
"""

import sqlite3
from collections.abc import Callable

import msgspec

from doorward.ledger.chain import GENESIS, Link, next_hash, seal, unseal, verify_chain
from doorward.model.ledger import ChainedEntry, ChainFault, LedgerEntry
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction

_HEAD = "SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1"
_INSERT = "INSERT INTO ledger (sequence, entry, hash) VALUES (?, ?, ?)"


class SqliteLedger:
    """`Ledger` on SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    def enqueue(self, entry: LedgerEntry) -> None:
        self._database.enqueue(_appending(seal(entry)))

    async def append(self, entry: LedgerEntry) -> int:
        return await self._database.submit(_appending(seal(entry)))

    async def entries(self, *, after: int = 0, limit: int = 100) -> list[ChainedEntry]:
        rows = self._database.read(
            "SELECT sequence, entry, hash FROM ledger WHERE sequence > ? ORDER BY sequence LIMIT ?", (after, limit)
        )
        return [
            ChainedEntry(sequence=sequence, entry=entry_of(sealed), hash=as_bytes(hash_))
            for sequence, sealed, hash_ in rows
        ]

    async def verify(self) -> ChainFault | None:
        return await self._database.read_in_thread(_verify)

    def last_of(self, door: str, *, among: int = 20_000) -> LedgerEntry | None:
        """The newest entry of a door among the newest entries of all doors."""
        rows = self._database.read("SELECT entry FROM ledger ORDER BY sequence DESC LIMIT ?", (among,))
        entries = (entry_of(sealed) for (sealed,) in rows)
        return next((entry for entry in entries if entry.door == door), None)


def _appending(sealed: bytes) -> Callable[[Transaction], int]:
    def append(transaction: Transaction) -> int:
        sequence, previous = transaction.memo.get("ledger") or (transaction.execute(_HEAD).fetchone() or (0, GENESIS))
        sequence += 1
        hash_ = next_hash(previous, sequence, sealed)
        transaction.execute(_INSERT, (sequence, sealed, hash_))
        transaction.memo["ledger"] = (sequence, hash_)
        return int(sequence)

    return append


def _verify(connection: sqlite3.Connection) -> ChainFault | None:
    # One statement is one snapshot: entries that come while it runs are not seen.
    rows = connection.execute("SELECT sequence, entry, hash FROM ledger ORDER BY sequence")
    try:
        return verify_chain(Link(sequence, as_bytes(sealed), as_bytes(hash_)) for sequence, sealed, hash_ in rows)
    finally:
        rows.close()


def entry_of(sealed: object) -> LedgerEntry:
    """The entry, or one that says that it is none: whoever looks for the bad entry must get to see the good ones."""
    try:
        return unseal(as_bytes(sealed))
    except msgspec.DecodeError:
        return LedgerEntry(door="", verdict="", code="(unreadable)")


def as_bytes(value: object) -> bytes:
    """A column that someone changed to another type must be a bad entry, not a crash."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")
