"""What SQLite's errors mean, in one place. The writer and the readers call it; nothing else looks at error codes."""

import sqlite3

from doorward.errors import StoreUnavailable

# Result codes (https://www.sqlite.org/rescode.html) that speak of the machine or the file, not of the statement.
_ENVIRONMENT = frozenset(
    (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    )
)


def reason_of(error: BaseException) -> str:
    """A short name for a log line (``SQLITE_FULL``, or the type of the error). Never the statement or its values."""
    name = getattr(error, "sqlite_errorname", None)
    return name if isinstance(name, str) else type(error).__name__


def is_environment(error: BaseException) -> bool:
    """Whether the disk, the file or a lock failed, so that the whole transaction is lost."""
    if not isinstance(error, sqlite3.Error):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and code & 0xFF in _ENVIRONMENT


def unwritten() -> StoreUnavailable:
    """The error for a write of which nothing was kept."""
    return StoreUnavailable("The store could not take the write; nothing of it was kept.")


def unread() -> StoreUnavailable:
    """The error for a read that got no answer."""
    return StoreUnavailable("The store could not be read.")
