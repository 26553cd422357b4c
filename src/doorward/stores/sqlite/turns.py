"""Turns with their event logs. The chat service writes them through its port; each method is one transaction.

An append is one row however many events it carries, and no row is written twice but the turn's and the conversation's.
Refuses a second running turn in a conversation, and events that leave a gap.
"""

import sqlite3
from collections.abc import Sequence

from doorward.errors import Conflict, InvalidInput, NotFound
from doorward.model.chat import Idempotency, NewTurn, OpenTurn, Turn, TurnEvent, TurnResult, TurnStatus, Usage
from doorward.stores.event_batch import LAST_EVENT, packed, unpacked
from doorward.stores.sqlite.budgets import check_budget, set_aside, settle
from doorward.stores.sqlite.database import Row, SqliteDatabase
from doorward.stores.sqlite.forgotten import refuse_forgotten
from doorward.stores.sqlite.idempotency import Query, keep_key, turn_of_key
from doorward.stores.sqlite.keys import LAST_POSITION, event_key, message_key
from doorward.stores.sqlite.search_words import indexed
from doorward.stores.sqlite.usage import add_usage
from doorward.stores.sqlite.writer import Transaction

# Plain statements: RETURNING, upsert and INSERT ... SELECT build temporary tables, three times the cost.
_FIND_CONVERSATION = """SELECT id, message_count,
    EXISTS (SELECT 1 FROM turns WHERE conversation = conversations.id AND status = 'running')
FROM conversations WHERE owner = ? AND session_id = ?"""
_NEW_CONVERSATION = """INSERT INTO conversations (owner, session_id, name, created_at, updated_at, message_count)
VALUES (?, ?, ?, ?, ?, 1)"""
_TOUCH = "UPDATE conversations SET updated_at = ?, message_count = ? WHERE id = ?"
_INSERT_TURN = """INSERT INTO turns (id, conversation, status, started_at, request_id, issuer, subject, tenant,
    answer_id)
VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?)"""
_INSERT_MESSAGE = """INSERT INTO messages (key, id, role, content, timestamp, turn_id, status)
VALUES (?, ?, ?, ?, ?, ?, ?)"""
_INDEX = "INSERT INTO search (rowid, words) VALUES (?, ?)"
_INSERT_EVENTS = "INSERT INTO turn_events (key, count, data) VALUES (?, ?, ?)"
_LAST_EVENTS = "SELECT key, count FROM turn_events WHERE key BETWEEN ? AND ? ORDER BY key DESC LIMIT 1"
_EVENTS = """SELECT key, data FROM turn_events WHERE key BETWEEN coalesce(
    (SELECT max(key) FROM turn_events WHERE key BETWEEN ?1 AND ?2), ?1) AND ?3 ORDER BY key"""
_FIND = """SELECT turns.number, turns.status, turns.conversation, conversations.owner, conversations.message_count
FROM turns JOIN conversations ON conversations.id = turns.conversation WHERE turns.id = ?"""
_GET = """SELECT turns.id, session_id, owner, status, started_at, finished_at, error_code, model, input_tokens,
    output_tokens
FROM turns JOIN conversations ON conversations.id = turns.conversation WHERE turns.id = ? AND owner = ?"""
# A running turn's message is the last of its conversation.
_OPEN = """SELECT turns.id, session_id, owner, turns.status, started_at, issuer, subject, tenant, answer_id,
    request_id, (SELECT content FROM messages WHERE key = conversations.id * ?1 + message_count),
    (SELECT key - turns.number * ?2 + count - 1 FROM turn_events
        WHERE key BETWEEN turns.number * ?2 AND turns.number * ?2 + ?3 ORDER BY key DESC LIMIT 1),
    message_count = 1
FROM turns JOIN conversations ON conversations.id = turns.conversation WHERE turns.status = 'running'
ORDER BY turns.number"""
_END = """UPDATE turns SET status = ?, finished_at = ?, error_code = ?, model = ?, input_tokens = ?, output_tokens = ?
WHERE number = ?"""


class SqliteTurns:
    """`KeyedTurnStore` on SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def begin(self, turn: NewTurn) -> Turn:
        words = indexed(turn.owner, turn.message)
        first_event = packed([TurnEvent(1, turn.first_event)])
        return await self._database.submit(lambda transaction: _begin(transaction, turn, words, first_event))

    async def append_events(self, turn_id: str, events: Sequence[TurnEvent]) -> None:
        if not events:
            return
        data = packed(events)
        await self._database.submit(lambda transaction: _append(transaction, turn_id, events, data))

    async def finish(self, result: TurnResult) -> None:
        data = packed(result.events)
        await self._database.submit(lambda transaction: _finish(transaction, result, data))

    async def get(self, owner: str, turn_id: str) -> Turn | None:
        rows = self._database.read(_GET, (turn_id, owner))
        return _turn(rows[0]) if rows else None

    async def keyed(self, owner: str, idempotency: Idempotency, *, at: float) -> Turn | None:
        return _begun_before(self._database.read, owner, idempotency, at)

    async def events(self, turn_id: str, *, after: int, limit: int) -> list[TurnEvent]:
        numbers = self._database.read("SELECT number FROM turns WHERE id = ?", (turn_id,))
        after, last = max(after, 0), min(max(after, 0) + limit, LAST_EVENT)
        if not numbers or last <= after:
            return []
        number = numbers[0][0]
        rows = self._database.read(
            _EVENTS, (event_key(number, 1), event_key(number, after + 1), event_key(number, last))
        )
        return [
            event for key, data in rows for event in unpacked(key & LAST_EVENT, data) if after < event.sequence <= last
        ]

    async def open_turns(self) -> list[OpenTurn]:
        return [_open_turn(row) for row in self._database.read(_OPEN, (LAST_POSITION + 1, LAST_EVENT + 1, LAST_EVENT))]


def _turn(row: Row) -> Turn:
    turn_id, session_id, owner, status, started_at, finished_at, error_code, model, input_tokens, output_tokens = row
    return Turn(
        id=turn_id,
        session_id=session_id,
        owner=owner,
        status=TurnStatus(status),
        started_at=started_at,
        finished_at=finished_at,
        error_code=error_code,
        usage=Usage(model=model, input_tokens=input_tokens, output_tokens=output_tokens),
    )


def _open_turn(row: Row) -> OpenTurn:
    turn_id, session_id, owner, status, started_at, issuer, subject, tenant, answer_id, *rest = row
    request_id, message, last, first = rest
    return OpenTurn(
        turn=Turn(id=turn_id, session_id=session_id, owner=owner, status=TurnStatus(status), started_at=started_at),
        issuer=issuer,
        subject=subject,
        tenant=tenant,
        answer_id=answer_id,
        request_id=request_id,
        message=message or "",
        last_event=last or 0,
        first=bool(first),
    )


def _begun_before(query: Query, owner: str, idempotency: Idempotency, at: float) -> Turn | None:
    """The turn that this key began."""
    turn_id = turn_of_key(query, owner, idempotency, at)
    if turn_id is None:
        return None
    rows = query(_GET, (turn_id, owner))
    if not rows:
        raise NotFound("The turn of this Idempotency-Key was deleted with its conversation.")
    return _turn(rows[0])


def _begin(transaction: Transaction, turn: NewTurn, words: str, first_event: bytes) -> Turn:
    if turn.idempotency is None:
        return _insert(transaction, turn, words, first_event)

    def query(sql: str, parameters: Sequence[object]) -> list[Row]:
        return transaction.execute(sql, parameters).fetchall()

    known = _begun_before(query, turn.owner, turn.idempotency, turn.at)
    if known is not None:
        return known
    begun = _insert(transaction, turn, words, first_event)
    keep_key(transaction, turn, turn.idempotency)
    return begun


def _insert(transaction: Transaction, turn: NewTurn, words: str, first_event: bytes) -> Turn:
    execute = transaction.execute
    conversation, count, running = execute(_FIND_CONVERSATION, (turn.owner, turn.session_id)).fetchone() or (0, 0, 0)
    if running:
        raise Conflict("A turn of this conversation is running.", code="turn_active")
    position = count + 1
    # One place is left for the answer.
    if position >= LAST_POSITION:
        raise Conflict("This conversation is full; begin a new one.", code="conversation_full")
    if turn.reservation is not None:
        check_budget(transaction, turn.reservation, at=turn.at)
    if conversation:
        execute(_TOUCH, (turn.at, position, conversation))
    else:
        refuse_forgotten(transaction, turn.owner, turn.session_id)
        new = (turn.owner, turn.session_id, turn.conversation_name, turn.at, turn.at)
        conversation = execute(_NEW_CONVERSATION, new).lastrowid or 0
    try:
        user = (turn.issuer, turn.subject, turn.tenant)
        row = (turn.turn_id, conversation, turn.at, turn.request_id, *user, turn.answer_id)
        number = execute(_INSERT_TURN, row).lastrowid or 0
    except sqlite3.IntegrityError as error:
        raise Conflict("There is a turn of this id.", code="turn_exists") from error
    key = message_key(conversation, position)
    execute(_INSERT_MESSAGE, (key, turn.message_id, "user", turn.message, turn.at, turn.turn_id, "complete"))
    execute(_INSERT_EVENTS, (event_key(number, 1), 1, first_event))
    execute(_INDEX, (key, words))
    if turn.reservation is not None:
        set_aside(transaction, turn.turn_id, turn.reservation)
    if position == 1:
        execute(_INDEX, (message_key(conversation, 0), indexed(turn.owner, turn.conversation_name)))
    return Turn(
        id=turn.turn_id, session_id=turn.session_id, owner=turn.owner, status=TurnStatus.RUNNING, started_at=turn.at
    )


def _append(transaction: Transaction, turn_id: str, events: Sequence[TurnEvent], data: bytes) -> None:
    row = transaction.execute("SELECT number, status FROM turns WHERE id = ?", (turn_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such turn.")
    number, status = row
    if status != TurnStatus.RUNNING:
        raise Conflict("This turn has ended.", code="turn_ended")
    _insert_events(transaction, number, events, data)


def _insert_events(transaction: Transaction, number: int, events: Sequence[TurnEvent], data: bytes) -> None:
    first = events[0].sequence
    if not 1 <= first <= LAST_EVENT - len(events):
        raise InvalidInput("A turn has at most 16,777,215 events.", code="event_out_of_order")
    key, count = transaction.execute(_LAST_EVENTS, (event_key(number, 1), event_key(number, LAST_EVENT))).fetchone()
    if first != (key & LAST_EVENT) + count:
        raise Conflict("Events are numbered without gaps.", code="event_out_of_order")
    transaction.execute(_INSERT_EVENTS, (event_key(number, first), len(events), data))


def _finish(transaction: Transaction, result: TurnResult, data: bytes) -> None:
    execute = transaction.execute
    row = execute(_FIND, (result.turn_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such turn.")
    number, status, conversation, owner, count = row
    if status != TurnStatus.RUNNING:
        return
    if result.events:
        _insert_events(transaction, number, result.events, data)
    usage = result.usage
    execute(
        _END,
        (
            result.status,
            result.at,
            result.error_code,
            usage.model,
            usage.input_tokens,
            usage.output_tokens,
            number,
        ),
    )
    if result.content or result.status in (TurnStatus.FAILED, TurnStatus.INTERRUPTED):
        count += 1
        key = message_key(conversation, count)
        execute(
            _INSERT_MESSAGE,
            (key, result.message_id, "assistant", result.content, result.at, result.turn_id, result.message_status),
        )
        execute(_INDEX, (key, indexed(owner, result.content)))
    execute(_TOUCH, (result.at, count, conversation))
    add_usage(transaction, owner, usage, at=result.at)
    if result.spent is not None:
        settle(transaction, result.turn_id, result.spent)
