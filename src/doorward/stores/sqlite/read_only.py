"""A database that another part, or another process, writes: opened for reading alone, when it is first asked for.

Its reads run in a thread of their own, so that a long one holds up no other reader of the house. Never makes a file and
never changes one.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from doorward.errors import StoreUnavailable
from doorward.stores.sqlite.failures import unread

T = TypeVar("T")


class ReadOnlyFile:
    """Reads of one SQLite file. `StoreUnavailable` while it is not there or cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-other-reader")
        self._connection: sqlite3.Connection | None = None

    async def read(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run `function` with the connection. It must leave no statement open: an open one would keep the writer's
        log from starting anew."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, function)
        except RuntimeError as error:  # the house is being closed
            raise unread() from error

    def close(self) -> None:
        """Blocks until the read that runs has ended."""
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()

    def _run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._connection is None:
                self._connection = self._opened()
            return function(self._connection)
        except sqlite3.Error as error:
            raise unread() from error

    def _opened(self) -> sqlite3.Connection:
        if not self._path.exists():
            raise StoreUnavailable("The store is not on this machine.")
        # `mode=ro` could not open a log that its writer has just put away; `query_only` refuses every change instead.
        uri = f"{self._path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=2.0, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA query_only = ON")
        return connection
