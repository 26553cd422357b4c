"""The one writer of a database: a thread that commits whatever is queued as one transaction (group commit).

`database.SqliteDatabase` owns it. The order of queueing is the order of commit, and a write that nobody waits for
(`enqueue`) is never lost while later ones are kept: if its commit fails, it stays at the head of the queue.
Refuses writes when the queue is full and, for a moment, after a failed commit.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from doorward.errors import DoorwardError, StoreUnavailable
from doorward.stores.sqlite.failures import is_environment, reason_of, unwritten

T = TypeVar("T")

RETRY_SECONDS = 0.25
BATCH_LIMIT = 1024
# How long a write that nobody waits for may lie in the queue, so that others can share its commit.
GATHER_SECONDS = 0.004
QUEUE_LIMIT = 20_000
_RESTART_WAIT_MS = 20

_log = structlog.get_logger()


class Transaction:
    """What a write function gets: the connection, and a `memo` that is forgotten whenever anything is rolled back."""

    __slots__ = ("connection", "execute", "executemany", "memo")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.execute = connection.execute
        self.executemany = connection.executemany
        self.memo: dict[str, Any] = {}


class _Write:
    """A queued write function and whoever waits for it (None: nobody does)."""

    __slots__ = ("function", "future")

    def __init__(self, function: Callable[[Transaction], Any], future: asyncio.Future[Any] | None) -> None:
        self.function = function
        self.future = future


class _RunApart(Exception):
    """A write failed after it had changed something: run the batch again, each write in a savepoint of its own."""


_Outcome = tuple[Any, Exception | None]
_STOP = object()
_RESTART_WAL = object()


class GroupWriter:
    """Runs write functions in the order they came, many per commit, and answers each with its own result.

    A write function takes a `Transaction` and may be run more than once (after a rollback): it must do nothing but
    read and write through it. When it raises, nothing of it is kept and the others are not touched. A `DoorwardError`
    raised before the first change costs nothing; after a change it costs a second run of the batch.
    """

    def __init__(
        self, connection: sqlite3.Connection, *, after_commit: Callable[[], None], queue_limit: int = QUEUE_LIMIT
    ) -> None:
        self._connection = connection
        self._after_commit = after_commit
        self._queue_limit = queue_limit
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._hurry = threading.Event()
        self._retained: list[_Write] = []
        self._failed_at: float | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="sqlite-writer", daemon=True)
        self._thread.start()

    def submit(self, function: Callable[[Transaction], T]) -> asyncio.Future[T]:
        """Queue a write; the future ends when it is durable. Cancelling the future does not take the write back.

        Raises `StoreUnavailable` when the queue is full or the store is closed.
        """
        self._check_room()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put(_Write(function, future))
        self._hurry.set()
        return future

    def enqueue(self, function: Callable[[Transaction], object]) -> None:
        """Queue a write without waiting.

        INVARIANT: no write that is queued later is durable without it. Raises `StoreUnavailable` as `submit` does, and
        when the last commit failed less than 0.25 s ago.
        """
        self._check_room()
        if self._failed_at is not None and time.monotonic() - self._failed_at < RETRY_SECONDS:
            raise unwritten()
        self._queue.put(_Write(function, None))

    def restart_wal(self) -> None:
        """Ask the thread to finish a checkpoint between two commits, so that the log starts from its beginning."""
        self._queue.put(_RESTART_WAL)
        self._hurry.set()

    def close(self) -> None:
        """Write what is queued, end the thread and close the connection. Blocks."""
        if not self._closed:
            self._closed = True
            self._queue.put(_STOP)
            self._hurry.set()
        self._thread.join()

    def _check_room(self) -> None:
        if self._closed or self._queue.qsize() + len(self._retained) >= self._queue_limit:
            raise unwritten()

    def _run(self) -> None:
        batch: list[_Write] = []
        going = True
        try:
            while going:
                batch, going = self._collect()
                if batch:
                    self._write(batch)
        except Exception as error:  # noqa: BLE001  the edge of the thread: else everybody would wait for ever
            _log.critical("store_writer_broke", reason=reason_of(error))
            self._closed = True
            self._refuse_all(batch)
        if self._retained:
            _log.critical("store_writes_lost_at_close", count=len(self._retained))
        self._connection.close()

    def _refuse_all(self, batch: list[_Write]) -> None:
        """Tell everybody who waits, in this batch and behind it, that nothing of theirs was kept."""
        while not self._queue.empty():
            item = self._queue.get()
            if isinstance(item, _Write):
                batch.append(item)
        _answer(batch, [(None, unwritten()) for _ in batch])

    def _collect(self) -> tuple[list[_Write], bool]:
        """Everything that is queued (at most `BATCH_LIMIT`), behind what an earlier failure left.

        While nobody waits, a commit can: for 4 ms, or until somebody does.
        """
        batch = list(self._retained)
        try:
            item = self._queue.get(timeout=RETRY_SECONDS if batch else None)
            self._hurry.wait(GATHER_SECONDS)
            # Cleared before the queue is emptied: who comes meanwhile is in this batch or sets it anew.
            self._hurry.clear()
            while True:
                if item is _STOP:
                    return batch, False
                if item is _RESTART_WAL:
                    self._finish_checkpoint()
                else:
                    batch.append(item)
                if len(batch) >= BATCH_LIMIT:
                    break
                item = self._queue.get_nowait()
        except queue.Empty:
            pass
        return batch, True

    def _write(self, batch: list[_Write]) -> None:
        try:
            try:
                outcomes = self._run_together(batch)
            except _RunApart:
                self._connection.execute("ROLLBACK")
                outcomes = self._run_apart(batch)
            self._connection.execute("COMMIT")
        except (sqlite3.Error, StoreUnavailable) as error:
            outcomes = self._give_up(batch, error)
        else:
            self._retained = []
            self._failed_at = None
        _answer(batch, outcomes)
        self._after_commit()

    def _run_together(self, batch: list[_Write]) -> list[_Outcome]:
        """The fast way: no savepoints. A failure that changed nothing stays alone; any other one raises `_RunApart`."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        transaction = Transaction(connection)
        outcomes: list[_Outcome] = []
        for write in batch:
            changes = connection.total_changes
            try:
                outcomes.append((write.function(transaction), None))
            except DoorwardError as error:
                if write.future is None or connection.total_changes != changes:
                    raise _RunApart from error
                outcomes.append((None, error))
            except Exception as error:
                if is_environment(error):
                    raise
                raise _RunApart from error
        return outcomes

    def _run_apart(self, batch: list[_Write]) -> list[_Outcome]:
        """The careful way: each write in a savepoint, so that it can fail alone."""
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        transaction = Transaction(connection)
        outcomes: list[_Outcome] = []
        for write in batch:
            connection.execute("SAVEPOINT one_write")
            try:
                outcomes.append((write.function(transaction), None))
            except Exception as error:
                if is_environment(error):
                    raise
                if write.future is None:
                    # Fail closed: what follows may rest on it.
                    _log.critical("store_write_impossible", reason=reason_of(error))
                    raise unwritten() from error
                connection.execute("ROLLBACK TO one_write")
                transaction.memo.clear()
                outcomes.append((None, unwritten() if isinstance(error, sqlite3.Error) else error))
            connection.execute("RELEASE one_write")
        return outcomes

    def _give_up(self, batch: list[_Write], error: Exception) -> list[_Outcome]:
        """Undo the batch: those who wait are told, the others stay at the head of the queue."""
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as second:
                _log.critical("store_rollback_failed", reason=reason_of(second))
        if self._failed_at is None:
            _log.error("store_commit_failed", reason=reason_of(error), writes=len(batch))
        self._retained = [write for write in batch if write.future is None]
        self._failed_at = time.monotonic()
        return [(None, unwritten()) for _ in batch]

    def _finish_checkpoint(self) -> None:
        """The background did the bulk; what is left is small. A reader in the way only means: next time."""
        try:
            (timeout,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
            self._connection.execute(f"PRAGMA busy_timeout = {_RESTART_WAIT_MS}")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            self._connection.execute(f"PRAGMA busy_timeout = {timeout}")
        except sqlite3.Error as error:
            _log.warning("store_checkpoint_failed", reason=reason_of(error))


def _answer(batch: list[_Write], outcomes: list[_Outcome]) -> None:
    """Tell everybody who waits, with one wake-up of their event loop for the whole batch."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], _Outcome]]] = {}
    for write, outcome in zip(batch, outcomes, strict=True):
        if write.future is not None:
            by_loop.setdefault(write.future.get_loop(), []).append((write.future, outcome))
    for loop, answers in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, answers)
        except RuntimeError:
            _log.warning("store_answer_without_listener", count=len(answers))  # that event loop has been closed


def _resolve(answers: list[tuple[asyncio.Future[Any], _Outcome]]) -> None:
    for future, (value, error) in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
