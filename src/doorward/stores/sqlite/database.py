"""One SQLite file: its writer, its readers and its checkpoints. The engine's port implementations are built on it.

Durable means: in the write-ahead log and synced (WAL, synchronous = FULL) before a write is acknowledged. The file is
made with mode 0600. Refuses a database of a newer schema.
"""

import asyncio
import os
import queue
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from doorward.errors import ConfigurationError
from doorward.stores.sqlite.checkpointer import WAL_CAP, Checkpointer
from doorward.stores.sqlite.failures import unread, unwritten
from doorward.stores.sqlite.migrate import migrate
from doorward.stores.sqlite.writer import QUEUE_LIMIT, GroupWriter

T = TypeVar("T")
Row = tuple[Any, ...]

_READERS = 2
_STATEMENTS = 256


class Tuning(Struct, frozen=True, kw_only=True):
    """Bounds of one database: writes in the queue, bytes of log before a checkpoint, milliseconds to wait for locks."""

    queue_limit: int = QUEUE_LIMIT
    wal_cap: int = WAL_CAP
    busy_timeout_ms: int = 5000


class SqliteDatabase:
    """Writes go through one thread (`submit`, `enqueue`). Index look-ups run inline (`read`), long reads in a thread
    (`read_in_thread`); both see every write that was acknowledged before. All raise `StoreUnavailable`."""

    def __init__(self, path: Path, migrations: Path, tuning: Tuning | None = None) -> None:
        self._path = path
        self._tuning = tuning or Tuning()
        _make_private(path)
        try:
            writing = self._connect()
            migrate(writing, migrations)
        except sqlite3.Error as error:
            raise ConfigurationError(f"{path} cannot be opened as a database: {error}.") from error
        self._checkpointer = Checkpointer(path, self._connect, cap=self._tuning.wal_cap)
        self._writer = GroupWriter(
            writing, after_commit=self._checkpointer.after_commit, queue_limit=self._tuning.queue_limit
        )
        self._checkpointer.start(self._writer.restart_wal)
        self._reading = self._connect(reader=True)
        self._idle: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        for _ in range(_READERS):
            self._idle.put(self._connect(reader=True))
        self._threads = ThreadPoolExecutor(_READERS, thread_name_prefix="sqlite-reader")
        self.submit = self._writer.submit
        self.enqueue = self._writer.enqueue

    def read(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        """All rows of a query that an index answers, inline on the caller's thread (one thread only)."""
        try:
            return self._reading.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise unread() from error

    def write_at_start(self, sql: str, parameters: Sequence[object] = ()) -> None:
        """One statement, durably, on a connection of its own: for what must be there before the first request."""
        connection = self._connect()
        try:
            connection.execute(sql, parameters)
        except sqlite3.Error as error:
            raise unwritten() from error
        finally:
            connection.close()

    async def read_in_thread(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a long read on a connection of its own. `function` must leave no statement open."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read_apart, function)

    def close(self) -> None:
        """Write what is queued and close everything. Blocks; the event loop may be running or not."""
        self._checkpointer.stop()
        self._writer.close()
        self._threads.shutdown()
        self._reading.close()
        while not self._idle.empty():
            self._idle.get().close()

    def _read_apart(self, function: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._idle.get()
        try:
            return function(connection)
        except sqlite3.Error as error:
            raise unread() from error
        finally:
            self._idle.put(connection)

    def _connect(self, *, reader: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=self._tuning.busy_timeout_ms / 1000,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS,
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -8000")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        if reader:
            connection.execute("PRAGMA query_only = ON")
        return connection


def _make_private(path: Path) -> None:
    """Make the file before SQLite does, so that nobody else can ever read it (the log takes its mode from it).

    A file that is there is not opened: closing it would drop the locks of this process's other connections to it.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be opened: {error.strerror}.") from error
