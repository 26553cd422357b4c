"""Brings a database to the present schema by numbered .sql files, each in one transaction, in order.

`open.py` calls it before anything else touches the file. Refuses a database that a newer Doorward has written, and a
migration that was changed after it ran.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from doorward.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"

_TABLE = """CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    sha256 TEXT NOT NULL
)"""


class Migration(Struct, frozen=True):
    """One file: ``0001_first.sql`` has the number 1."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Of the file's text, in hex."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_in(folder: Path) -> list[Migration]:
    """The files of a folder in order. Raises `ConfigurationError` when their numbers do not run 1, 2, 3 ..."""
    found = [
        Migration(int(file.name.split("_", 1)[0]), file.name, file.read_text("utf-8"))
        for file in sorted(folder.glob("[0-9]*_*.sql"))
    ]
    if not found or [migration.number for migration in found] != list(range(1, len(found) + 1)):
        raise ConfigurationError(f"The migrations in {folder.name} are incomplete; install Doorward again.")
    return found


def migrate(connection: sqlite3.Connection, folder: Path) -> None:
    """Run what has not run yet. `connection` is in autocommit mode. Raises `ConfigurationError`."""
    wanted = migrations_in(folder)
    if _applied(connection, wanted) == len(wanted):
        return
    connection.execute(_TABLE)
    for migration in wanted:
        connection.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have run it while this one waited for the lock.
            if _applied(connection, wanted) < migration.number:
                _run(connection, migration)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")


def _applied(connection: sqlite3.Connection, wanted: list[Migration]) -> int:
    """How many have run. Checks each against its file."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'").fetchone():
        return 0
    rows = connection.execute("SELECT number, name, sha256 FROM migrations ORDER BY number").fetchall()
    if len(rows) > len(wanted):
        raise ConfigurationError(
            f"The database holds migration {rows[-1][1]}, which this version does not know: it was written by a newer "
            "Doorward. Install that version, or start with another data folder."
        )
    for row, migration in zip(rows, wanted, strict=False):
        if row != (migration.number, migration.name, migration.sha256):
            raise ConfigurationError(
                f"The database was made with another text of migration {row[1]}. Install the version that made it, or "
                "start with another data folder."
            )
    return len(rows)


def _run(connection: sqlite3.Connection, migration: Migration) -> None:
    for statement in _statements(migration.sql):
        connection.execute(statement)
    connection.execute(
        "INSERT INTO migrations (number, name, sha256) VALUES (?, ?, ?)",
        (migration.number, migration.name, migration.sha256),
    )


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, with triggers kept whole."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
