"""Reading events: from a query to SQL. `memory.SqliteMemory` uses it; every value is a parameter."""

import sqlite3

import msgspec

from doorward.model.memory import MAIN, EventQuery, MetadataTest
from doorward.stores.cursors import Place

# A page ends when its payloads are larger than this together (bytes); one event alone may be larger.
PAGE_BYTES = 4 * 1024 * 1024
# How many ancestors a branch has at most.
_GENERATIONS = 64

EVENT = "SELECT event_id, at, branch, root, metadata, payload, number, bytes FROM memory_events"
_WITHOUT_PAYLOAD = "SELECT event_id, at, branch, root, metadata, NULL, number, 0 FROM memory_events"
_FORK = """SELECT root, parent, parent_at, parent_number FROM memory_events
    WHERE session = ? AND branch = ? AND root IS NOT NULL ORDER BY number LIMIT 1"""
_PARENT = "SELECT branch, at, number FROM memory_events WHERE session = ? AND event_id = ?"
_METADATA = {
    "EQUALS_TO": "EXISTS (SELECT 1 FROM json_each(metadata) WHERE key = ? AND value = ?)",
    "EXISTS": "EXISTS (SELECT 1 FROM json_each(metadata) WHERE key = ?)",
    "NOT_EXISTS": "NOT EXISTS (SELECT 1 FROM json_each(metadata) WHERE key = ?)",
}

Row = tuple[str, int, str, str | None, str, bytes | None, int, int]


class Fork(msgspec.Struct, frozen=True):
    """Where a branch forked off: behind `root`, which stands, or stood, on `parent` at (`at`, `number`)."""

    root: str
    parent: str | None
    at: int | None
    number: int | None


def fork_of(connection: sqlite3.Connection, session: int, branch: str) -> Fork | None:
    """None for the main branch and one without events."""
    if branch == MAIN:
        return None
    row = connection.execute(_FORK, (session, branch)).fetchone()
    return None if row is None else Fork(*row)


def fork_at(connection: sqlite3.Connection, session: int, root: str) -> Fork | None:
    """The fork behind an event of this session. None when it is not there."""
    row = connection.execute(_PARENT, (session, root)).fetchone()
    return None if row is None else Fork(root, *row)


def too_deep(connection: sqlite3.Connection, session: int, fork: Fork) -> bool:
    """Whether a branch that forks off there has more ancestors than a list would follow."""
    found: Fork | None = fork
    for _ in range(_GENERATIONS):
        if found is None or found.parent is None:
            return False
        found = fork_of(connection, session, found.parent)
    return found is not None


def read_page(
    connection: sqlite3.Connection, session: int, query: EventQuery, place: Place | None, now: float
) -> tuple[list[Row], bool]:
    """A page of events, newest first, and whether there are more behind it."""
    conditions = ["session = ?", "until > ?"]
    parameters: list[object] = [session, now]
    if place is not None:
        conditions.append("(at, number) < (?, ?)")
        parameters += [place.order, place.key]
    if query.branch is not None:
        condition, values = _on_branch(connection, session, query.branch, parents=query.parents)
        conditions.append(condition)
        parameters += values
    for test in query.metadata:
        conditions.append(_METADATA[test.operator])
        parameters += _values(test)
    select = EVENT if query.payloads else _WITHOUT_PAYLOAD
    statement = f"{select} WHERE {' AND '.join(conditions)} ORDER BY at DESC, number DESC LIMIT ?"
    rows: list[Row] = []
    size = 0
    cursor = connection.execute(statement, (*parameters, query.limit + 1))
    try:
        for row in cursor:
            size += row[7]
            if len(rows) == query.limit or (rows and size > PAGE_BYTES):
                return rows, True
            rows.append(row)
    finally:
        cursor.close()
    return rows, False


def scope_of(query: EventQuery) -> str:
    """What a cursor of this list is bound to besides the session."""
    tests = [(test.key, test.operator, test.value) for test in query.metadata]
    return msgspec.json.encode((query.branch, query.parents, tests)).decode()


def _values(test: MetadataTest) -> list[str]:
    return [test.key, test.value] if test.operator == "EQUALS_TO" else [test.key]


def _on_branch(connection: sqlite3.Connection, session: int, branch: str, *, parents: bool) -> tuple[str, list[object]]:
    """The branch's own events; with `parents` those of its ancestors up to where each forked off, too."""
    conditions: list[str] = ["branch = ?"]
    parameters: list[object] = [branch]
    fork = fork_of(connection, session, branch) if parents else None
    for _ in range(_GENERATIONS):
        if fork is None or fork.parent is None:
            break
        conditions.append("(branch = ? AND (at, number) <= (?, ?))")
        parameters += [fork.parent, fork.at, fork.number]
        fork = fork_of(connection, session, fork.parent)
    return f"({' OR '.join(conditions)})", parameters
