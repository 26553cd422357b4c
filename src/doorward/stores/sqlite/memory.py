"""Events that agents keep of their conversations: short-term memory, as Bedrock AgentCore Memory has it."""

import secrets
import sqlite3
from typing import Any

from msgspec import Raw, json

from doorward.errors import InvalidInput, QuotaExceeded
from doorward.model.chat import Page
from doorward.model.memory import MAIN, Bounds, Branch, Event, EventQuery, KeptSession, MemorySession, NewEvent
from doorward.ports.clock import Clock
from doorward.stores.cursors import Cursors, Place
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.memory_queries import EVENT, Fork, Row, fork_at, fork_of, read_page, scope_of, too_deep
from doorward.stores.sqlite.writer import Transaction

# An equal call is known again for a day, longer than any signature holds.
_TOKEN_SECONDS = 86400.0
# As AgentCore has it: "Empty sessions are automatically deleted after one day".
_EMPTY_SECONDS = 86400.0
# Expired rows go with every 64th event, some at once: no timer, and no write that takes long.
_SWEEP_EVERY = 64
_EXPIRED = "SELECT number, session, bytes FROM memory_events WHERE until < ? ORDER BY until LIMIT 256"
_SESSION = "SELECT number, events, bytes FROM memory_sessions WHERE memory = ? AND actor = ? AND session = ?"
_TOKEN = "SELECT digest, session, event_id FROM memory_tokens WHERE memory = ? AND actor = ? AND token = ?"  # noqa: S105
_OLD_TOKENS = """DELETE FROM memory_tokens WHERE (memory, actor, token) IN
    (SELECT memory, actor, token FROM memory_tokens WHERE until < ? ORDER BY until LIMIT 256)"""
_COUNT = "UPDATE memory_sessions SET events = events + ?, bytes = bytes + ?, changed_at = ? WHERE number = ?"
_KEEP = """INSERT INTO memory_events (session, event_id, at, until, branch, root, parent, parent_at, parent_number,
    metadata, bytes, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
# Those that have an event, or that became empty after a time.
_SESSIONS = """SELECT session, created_at FROM memory_sessions WHERE memory = ? AND actor = ? AND session > ?
    AND (events = 0 AND changed_at > ?
    OR EXISTS (SELECT 1 FROM memory_events AS e WHERE e.session = memory_sessions.number AND e.until > ?))
    ORDER BY session LIMIT ?"""
_ACTORS = """SELECT DISTINCT actor FROM memory_sessions WHERE memory = ? AND actor > ?
    AND events > 0
    AND EXISTS (SELECT 1 FROM memory_events AS e WHERE e.session = memory_sessions.number AND e.until > ?)
    ORDER BY actor LIMIT ?"""
# What has ended of one session, before it is said to be full.
_ENDED = "SELECT number, session, bytes FROM memory_events WHERE session = ? AND until <= ?"
_NO_PAYLOAD = Raw(b"[]")


class SqliteMemory:
    """`MemoryStore` and `MemoryEraser` on SQLite."""

    def __init__(self, database: SqliteDatabase, cursors: Cursors, clock: Clock) -> None:
        self._database = database
        self._cursors = cursors
        self._clock = clock
        self._created = 0

    async def create(self, event: NewEvent, bounds: Bounds) -> Event:
        now = self._clock()
        sweeps = self._created % _SWEEP_EVERY == 0
        self._created += 1
        # Made outside, so that a write function that runs again makes the same event.
        event_id = f"{event.at:016d}#{secrets.token_hex(8)}"

        def create(transaction: Transaction) -> Event:
            if sweeps:
                _sweep(transaction, now)
            made = _already_made(transaction, event)
            return made or _create(transaction, event, bounds, (event_id, now))

        return await self._database.submit(create)

    async def get(self, where: MemorySession, event_id: str) -> Event | None:
        def get(connection: sqlite3.Connection) -> Row | None:
            session = _session_number(connection, where)
            row: Row | None = connection.execute(
                f"{EVENT} WHERE session = ? AND event_id = ? AND until > ?", (session, event_id, self._clock())
            ).fetchone()
            return row

        row = await self._database.read_in_thread(get)
        return None if row is None else _event(where, row)

    async def events(self, where: MemorySession, query: EventQuery) -> Page[Event]:
        scope = ("memory_events", where.memory, where.actor, where.session, scope_of(query))
        place = None if query.cursor is None else self._cursors.read(query.cursor, *scope)

        def read(connection: sqlite3.Connection) -> tuple[list[Row], bool]:
            session = _session_number(connection, where)
            return ([], False) if session is None else read_page(connection, session, query, place, self._clock())

        rows, more = await self._database.read_in_thread(read)
        items = [_event(where, row) for row in rows]
        return Page(items, self._cursors.make(Place(rows[-1][1], rows[-1][6]), *scope) if more else None)

    async def delete(self, where: MemorySession, event_id: str) -> bool:
        now = self._clock()

        def delete(transaction: Transaction) -> bool:
            session = _session_number(transaction.connection, where)
            row = transaction.execute(
                "SELECT number, session, bytes FROM memory_events WHERE session = ? AND event_id = ? AND until > ?",
                (session, event_id, now),
            ).fetchone()
            if row is not None:
                _remove(transaction, [row], now)
            return row is not None

        return await self._database.submit(delete)

    async def sessions(
        self, memory: str, actor: str, *, limit: int, cursor: str | None, empty: bool = False
    ) -> Page[KeptSession]:
        scope = ("memory_sessions", memory, actor, "empty" if empty else "")
        now = self._clock()
        emptied = now - _EMPTY_SECONDS if empty else now
        behind = "" if cursor is None else self._cursors.read(cursor, *scope).name

        def read(connection: sqlite3.Connection) -> list[tuple[str, float]]:
            return connection.execute(_SESSIONS, (memory, actor, behind, emptied, now, limit + 1)).fetchall()

        rows = await self._database.read_in_thread(read)
        items = [KeptSession(session=session, actor=actor, created_at=at) for session, at in rows[:limit]]
        return Page(items, self._next([item.session for item in items], rows, *scope))

    async def actors(self, memory: str, *, limit: int, cursor: str | None) -> Page[str]:
        scope = ("memory_actors", memory)
        behind = "" if cursor is None else self._cursors.read(cursor, *scope).name

        def read(connection: sqlite3.Connection) -> list[tuple[str]]:
            return connection.execute(_ACTORS, (memory, behind, self._clock(), limit + 1)).fetchall()

        rows = await self._database.read_in_thread(read)
        items = [actor for (actor,) in rows[:limit]]
        return Page(items, self._next(items, rows, *scope))

    async def forget(self, actor: str, session: str) -> None:
        def forget(transaction: Transaction) -> None:
            numbers = transaction.execute(
                "SELECT number FROM memory_sessions WHERE actor = ? AND session = ?", (actor, session)
            ).fetchall()
            transaction.executemany("DELETE FROM memory_events WHERE session = ?", numbers)
            transaction.executemany("DELETE FROM memory_sessions WHERE number = ?", numbers)

        await self._database.submit(forget)

    def _next(self, names: list[str], rows: list[Any], *scope: str) -> str | None:
        """The cursor behind the last of these names, which one row more says is not the last of all. It holds the name
        itself, so that what is forgotten meanwhile moves nothing."""
        return self._cursors.make(Place(0.0, 0, name=names[-1]), *scope) if len(rows) > len(names) else None


def _session_number(connection: sqlite3.Connection, where: MemorySession) -> int | None:
    row = connection.execute(_SESSION, (where.memory, where.actor, where.session)).fetchone()
    return None if row is None else row[0]


def _already_made(transaction: Transaction, event: NewEvent) -> Event | None:
    """INVARIANT: a token makes one event, also when that one has been deleted since."""
    where = event.where
    row = transaction.execute(_TOKEN, (where.memory, where.actor, event.token)).fetchone()
    if row is None:
        return None
    digest, session, event_id = row
    if digest != event.digest:
        raise InvalidInput("Another event was made with this client token.", code="token_reused")
    made = MemorySession(where.memory, where.actor, session)
    number = _session_number(transaction.connection, made)
    kept = transaction.execute(f"{EVENT} WHERE session = ? AND event_id = ?", (number, event_id)).fetchone()
    return _as_kept(event, made, event_id, event.branch) if kept is None else _event(made, kept)


def _create(transaction: Transaction, event: NewEvent, bounds: Bounds, made: tuple[str, float]) -> Event:
    event_id, now = made
    where, metadata = event.where, json.encode(event.metadata).decode()
    size = len(event.payload) + len(metadata)
    session = transaction.execute(_SESSION, (where.memory, where.actor, where.session)).fetchone()
    if session is not None and _full(session, size, bounds):
        _remove(transaction, transaction.execute(_ENDED, (session[0], now)).fetchall(), now)
        session = transaction.execute(_SESSION, (where.memory, where.actor, where.session)).fetchone()
    number = session[0] if session is not None else None
    if _full(session or (0, 0, 0), size, bounds):
        raise QuotaExceeded("This session holds as much as it may; delete events first.", code="memory_full")
    fork = _fork(transaction.connection, number, event.branch)
    if number is None:
        number = transaction.execute(
            "INSERT INTO memory_sessions (memory, actor, session, created_at, changed_at, events, bytes)"
            " VALUES (?, ?, ?, ?, ?, 0, 0) RETURNING number",
            (where.memory, where.actor, where.session, now, now),
        ).fetchone()[0]
    name = MAIN if event.branch is None else event.branch.name
    behind = (None,) * 4 if fork is None else (fork.root, fork.parent, fork.at, fork.number)
    transaction.execute(
        _KEEP, (number, event_id, event.at, now + bounds.keep, name, *behind, metadata, size, event.payload)
    )
    transaction.execute(_COUNT, (1, size, now, number))
    transaction.execute(
        "INSERT INTO memory_tokens (memory, actor, token, digest, session, event_id, until)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (where.memory, where.actor, event.token, event.digest, where.session, event_id, now + _TOKEN_SECONDS),
    )
    return _as_kept(event, where, event_id, None if fork is None else Branch(name=name, root_event_id=fork.root))


def _full(session: tuple[int, int, int], size: int, bounds: Bounds) -> bool:
    """Whether a session, as (number, events, bytes), has no room for so many bytes more."""
    _, events, stored = session
    return events >= bounds.session_events or stored + size > bounds.session_bytes


def _fork(connection: sqlite3.Connection, session: int | None, branch: Branch | None) -> Fork | None:
    """Where the branch forked off, which only its first event must say. None for the main one."""
    if branch is None or (branch.name == MAIN and branch.root_event_id is None):
        return None
    known = None if session is None else fork_of(connection, session, branch.name)
    root = branch.root_event_id
    if branch.name == MAIN or (known is not None and root not in {None, known.root}):
        raise InvalidInput("That branch begins elsewhere.", code="branch_elsewhere")
    if known is not None:
        return known
    if root is None:
        raise InvalidInput("The first event of a branch must name its root event.", code="root_event_unknown")
    fork = None if session is None else fork_at(connection, session, root)
    if session is None or fork is None:
        raise InvalidInput("The root event of the branch is not in this session.", code="root_event_unknown")
    if too_deep(connection, session, fork):
        raise InvalidInput("A branch has at most 64 ancestors.", code="branch_too_deep")
    return fork


def _sweep(transaction: Transaction, now: float) -> None:
    _remove(transaction, transaction.execute(_EXPIRED, (now,)).fetchall(), now)
    transaction.execute(_OLD_TOKENS, (now,))
    transaction.execute("DELETE FROM memory_sessions WHERE events = 0 AND changed_at < ?", (now - _EMPTY_SECONDS,))


def _remove(transaction: Transaction, rows: list[tuple[int, int, int]], now: float) -> None:
    """Events as (number, session, bytes)."""
    transaction.executemany("DELETE FROM memory_events WHERE number = ?", [(number,) for number, _, _ in rows])
    transaction.executemany(_COUNT, [(-1, -size, now, session) for _, session, size in rows])


def _as_kept(event: NewEvent, where: MemorySession, event_id: str, branch: Branch | None) -> Event:
    return Event(
        where=where,
        event_id=event_id,
        at=event.at,
        payload=Raw(event.payload),
        branch=branch,
        metadata=event.metadata,
    )


def _event(where: MemorySession, row: Row) -> Event:
    event_id, at, branch, root, metadata, payload, _, _ = row
    return Event(
        where=where,
        event_id=event_id,
        at=at,
        payload=_NO_PAYLOAD if payload is None else Raw(payload),
        branch=None if branch == MAIN else Branch(name=branch, root_event_id=root),
        metadata=json.decode(metadata, type=dict[str, str]),
    )
