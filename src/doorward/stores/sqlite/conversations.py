"""Conversations and their messages. The conversations service reads them through its port.

Every statement names the owner: a conversation of another owner is not found (AP-SES-01). Pages are key ranges, so that
they cost the same at any depth, and rows that come meanwhile do not shift them.
"""

# ruff: noqa: S608 - statements are put together from constants of this file only

import math
import sqlite3
from collections.abc import Callable

from doorward.errors import Conflict
from doorward.model.chat import Conversation, Message, MessageStatus, Page
from doorward.model.principals import User
from doorward.stores.cursors import Cursors, Place
from doorward.stores.event_batch import LAST_EVENT
from doorward.stores.sqlite.database import Row, SqliteDatabase
from doorward.stores.sqlite.forgotten import remember_to_forget
from doorward.stores.sqlite.keys import LAST_POSITION, MESSAGE_BITS, event_key, message_key
from doorward.stores.sqlite.search_words import indexed, matches
from doorward.stores.sqlite.writer import Transaction

_COLUMNS = "session_id, owner, name, renamed, created_at, updated_at, message_count, id"
_GET = f"SELECT {_COLUMNS} FROM conversations WHERE owner = ? AND session_id = ?"
_PAGE = f"""SELECT {_COLUMNS} FROM conversations
WHERE owner = ? AND updated_at <= ? AND (updated_at, id) < (?, ?) ORDER BY updated_at DESC, id DESC LIMIT ?"""
_SEARCH = f"""SELECT {_COLUMNS} FROM conversations
WHERE owner = ? AND updated_at <= ? AND (updated_at, id) < (?, ?) AND id IN ({{found}})
ORDER BY updated_at DESC, id DESC LIMIT ?"""
_FOUND = f"SELECT rowid >> {MESSAGE_BITS} FROM search WHERE search MATCH ?"
_MESSAGES = """SELECT key, id, role, content, timestamp, turn_id, status FROM messages
WHERE key BETWEEN ? AND ? ORDER BY key"""
_RUNNING = "SELECT 1 FROM turns WHERE conversation = ? AND status = 'running'"
_UNINDEX = "INSERT INTO search (search, rowid, words) VALUES ('delete', ?, ?)"

_NEWEST = Place(math.inf, 0)


class SqliteConversations:
    """`ConversationStore` on SQLite."""

    def __init__(self, database: SqliteDatabase, cursors: Cursors) -> None:
        self._database = database
        self._cursors = cursors

    async def page(self, owner: str, *, limit: int, cursor: str | None) -> Page[Conversation]:
        place = _NEWEST if cursor is None else self._cursors.read(cursor, "conversations", owner)
        rows = self._database.read(_PAGE, (owner, place.order, place.order, place.key, limit + 1))
        return self._conversations(rows, limit, "conversations", owner)

    async def get(self, owner: str, session_id: str) -> Conversation | None:
        rows = self._database.read(_GET, (owner, session_id))
        return _conversation(rows[0]) if rows else None

    async def rename(self, owner: str, session_id: str, name: str, *, by_user: bool) -> bool:
        return await self._database.submit(_renaming(owner, session_id, name, by_user=by_user))

    async def delete(self, owner: str, session_id: str, *, user: User | None = None) -> bool:
        return await self._database.submit(_deleting(owner, session_id, user))

    async def search(self, owner: str, query: str, *, limit: int, cursor: str | None) -> Page[Conversation]:
        place = _NEWEST if cursor is None else self._cursors.read(cursor, "search", owner, query)
        wanted = matches(owner, query)
        if not wanted:
            return Page([])
        statement = _SEARCH.format(found=" INTERSECT ".join([_FOUND] * len(wanted)))
        parameters = (owner, place.order, place.order, place.key, *wanted, limit + 1)

        def search(connection: sqlite3.Connection) -> list[Row]:
            return connection.execute(statement, parameters).fetchall()

        rows = await self._database.read_in_thread(search)
        return self._conversations(rows, limit, "search", owner, query)

    async def messages(
        self, owner: str, session_id: str, *, limit: int, cursor: str | None, newest_first: bool = False
    ) -> Page[Message]:
        scope = ("messages", owner, session_id)
        place = None if cursor is None else self._cursors.read(cursor, *scope)
        rows = self._database.read(_GET, (owner, session_id))
        if not rows:
            return Page([])
        count, conversation = rows[0][6], rows[0][7]
        # Positions run from 1 to `count` without gaps, so a page is plain arithmetic.
        if place is None:
            first = max(1, count - limit + 1) if newest_first else 1
        elif place.backwards:
            first = max(1, place.key - limit)
        else:
            first = place.key + 1
        last = min(count, first + limit - 1)
        if place is not None and place.backwards:
            last = min(last, place.key - 1)
        found = self._database.read(_MESSAGES, (message_key(conversation, first), message_key(conversation, last)))
        if not found:
            return Page([])
        return Page(
            [_message(session_id, row) for row in found],
            self._cursors.make(Place(0.0, last), *scope) if last < count else None,
            self._cursors.make(Place(0.0, first, backwards=True), *scope) if first > 1 else None,
        )

    def _conversations(self, rows: list[Row], limit: int, *scope: str) -> Page[Conversation]:
        """A page of `limit` from up to one row more, which says whether there is a next one."""
        items = [_conversation(row) for row in rows[:limit]]
        if len(rows) <= limit or not items:
            return Page(items)
        return Page(items, self._cursors.make(Place(items[-1].updated_at, rows[limit - 1][7]), *scope))


def _conversation(row: Row) -> Conversation:
    session_id, owner, name, renamed, created_at, updated_at, message_count, _ = row
    return Conversation(
        session_id=session_id,
        owner=owner,
        name=name,
        renamed=bool(renamed),
        created_at=created_at,
        updated_at=updated_at,
        message_count=message_count,
    )


def _message(session_id: str, row: Row) -> Message:
    key, message_id, role, content, timestamp, turn_id, status = row
    return Message(
        id=message_id,
        session_id=session_id,
        position=key & LAST_POSITION,
        role=role,
        content=content,
        timestamp=timestamp,
        turn_id=turn_id,
        status=MessageStatus(status),
    )


def _renaming(owner: str, session_id: str, name: str, *, by_user: bool) -> Callable[[Transaction], bool]:
    new_words = indexed(owner, name)

    def rename(transaction: Transaction) -> bool:
        row = transaction.execute(_GET, (owner, session_id)).fetchone()
        if row is None or (row[3] and not by_user):
            return False
        old_name, conversation = row[2], row[7]
        key = message_key(conversation, 0)
        transaction.execute(
            "UPDATE conversations SET name = ?, renamed = ? WHERE id = ?", (name, by_user, conversation)
        )
        transaction.execute(_UNINDEX, (key, indexed(owner, old_name)))
        transaction.execute("INSERT INTO search (rowid, words) VALUES (?, ?)", (key, new_words))
        return True

    return rename


def _deleting(owner: str, session_id: str, user: User | None) -> Callable[[Transaction], bool]:
    def delete(transaction: Transaction) -> bool:
        row = transaction.execute(_GET, (owner, session_id)).fetchone()
        if row is None:
            return False
        name, conversation = row[2], row[7]
        if transaction.execute(_RUNNING, (conversation,)).fetchone():
            raise Conflict("A turn of this conversation is running.", code="turn_active")
        keys = (message_key(conversation, 1), message_key(conversation, LAST_POSITION))
        transaction.execute(_UNINDEX, (message_key(conversation, 0), indexed(owner, name)))
        contents = transaction.execute("SELECT key, content FROM messages WHERE key BETWEEN ? AND ?", keys)
        transaction.executemany(_UNINDEX, [(key, indexed(owner, content)) for key, content in contents])
        # Every turn has a message of the user, so the messages lead to the turns without an index of their own.
        numbers = transaction.execute(
            "SELECT number FROM turns WHERE id IN (SELECT turn_id FROM messages WHERE key BETWEEN ? AND ?)", keys
        ).fetchall()
        transaction.executemany(
            "DELETE FROM turn_events WHERE key BETWEEN ? AND ?",
            [(event_key(number, 0), event_key(number, LAST_EVENT)) for (number,) in numbers],
        )
        transaction.executemany("DELETE FROM turns WHERE number = ?", numbers)
        transaction.execute("DELETE FROM messages WHERE key BETWEEN ? AND ?", keys)
        transaction.execute("DELETE FROM conversations WHERE id = ?", (conversation,))
        if user is not None:
            remember_to_forget(transaction, user, session_id)
        return True

    return delete
