"""Keeps the write-ahead log small without standing in the way of a request.

`database.SqliteDatabase` owns it. A thread with a connection of its own copies the log into the database (PASSIVE), and
asks the writer for the short last step between two commits. Never runs inside a commit.
"""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import structlog

from doorward.stores.sqlite.failures import reason_of

WAL_CAP = 16 * 1024 * 1024
_SMALL_REST = 256
_ROUNDS = 4
_PAUSE_SECONDS = 0.1

_log = structlog.get_logger()


class Checkpointer:
    """Watches the size of the log (bytes). `cap` is where it starts to work."""

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection], *, cap: int = WAL_CAP) -> None:
        self._log_file = path.with_name(path.name + "-wal")
        self._connect = connect
        self._cap = cap
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, restart_wal: Callable[[], None]) -> None:
        """Begin. `restart_wal` asks the writer for the last step."""
        self._thread = threading.Thread(target=self._run, args=(restart_wal,), name="sqlite-checkpoint", daemon=True)
        self._thread.start()

    def after_commit(self) -> None:
        """Called by the writer after each commit; wakes the thread when the log is larger than the cap."""
        try:
            size = self._log_file.stat().st_size
        except FileNotFoundError:
            return
        if size > self._cap:
            self._due.set()

    def stop(self) -> None:
        """End the thread. Blocks while a checkpoint runs."""
        self._stopping.set()
        self._due.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, restart_wal: Callable[[], None]) -> None:
        connection = self._connect()
        while True:
            self._due.wait()
            # Cleared before the work: what comes meanwhile, `stop` above all, is not forgotten.
            self._due.clear()
            if self._stopping.is_set():
                break
            try:
                self._copy(connection)
                restart_wal()
            except sqlite3.Error as error:
                _log.warning("store_checkpoint_failed", reason=reason_of(error))
            # The writer needs a moment; and when a long reader holds the log, trying again at once would not help.
            self._stopping.wait(_PAUSE_SECONDS)
        connection.close()

    def _copy(self, connection: sqlite3.Connection) -> None:
        for _ in range(_ROUNDS):
            _busy, frames, copied = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if frames - copied < _SMALL_REST or self._stopping.is_set():
                return
