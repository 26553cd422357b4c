"""Fills a gateway's store by bulk inserts, past the services: what pages read, without the search index."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from doorward.stores.sqlite.keys import message_key

LONG = 20  # conversations with many messages, for pages of 50
LONG_MESSAGES = 200
_NEW = """INSERT INTO conversations (id, owner, session_id, name, created_at, updated_at, message_count)
VALUES (?, ?, ?, ?, ?, ?, ?)"""
_SAY = "INSERT INTO messages (key, id, role, content, timestamp, turn_id, status) VALUES (?, ?, ?, ?, ?, ?, 'complete')"
_TEXT = "The quick brown fox jumps over the lazy dog, and the weather in Seattle stays as it was. " * 2


def fill(store: Path, owner: str, conversations: int, *, messages: int = 10) -> int:
    """So many conversations, all of one owner, the first 20 of them with 200 messages; returns how many messages."""
    database = sqlite3.connect(store, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("BEGIN")
    (first,) = database.execute("SELECT coalesce(max(id), 0) + 1 FROM conversations").fetchone()
    database.executemany(_NEW, _conversations(owner, range(first, first + conversations), messages))
    database.executemany(_SAY, _messages(range(first, first + conversations), messages))
    database.execute("COMMIT")
    (total,) = database.execute("SELECT count(*) FROM messages").fetchone()
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return int(total)


def session_id(conversation: int) -> str:
    """The session id of the conversation with this number."""
    return f"bench-{conversation:030d}"


def _conversations(owner: str, numbers: range, messages: int) -> Iterator[tuple[object, ...]]:
    now = time.time() - len(numbers)
    for number in numbers:
        count = LONG_MESSAGES if number < numbers.start + LONG else messages
        yield number, owner, session_id(number), f"Conversation {number}", now, now + number - numbers.start, count


def _messages(numbers: range, messages: int) -> Iterator[tuple[object, ...]]:
    now = time.time()
    for number in numbers:
        for position in range(1, (LONG_MESSAGES if number < numbers.start + LONG else messages) + 1):
            role = "user" if position % 2 else "assistant"
            name = f"{number:x}-{position:x}"
            yield message_key(number, position), name, role, _TEXT, now, f"turn-{name}"
