"""Idempotency keys of turns, in the transaction that begins the turn. `turns.py` calls it.

INVARIANT: a key that began a turn begins no other one before it expires, and never while that turn runs.
"""

from collections.abc import Callable, Sequence

from doorward.errors import KeyReused
from doorward.model.chat import Idempotency, NewTurn
from doorward.stores.sqlite.database import Row
from doorward.stores.sqlite.writer import Transaction

_FIND = """SELECT body_hash, turn_id FROM idempotency WHERE owner = ? AND key_hash = ?
AND (expires_at > ? OR EXISTS (SELECT 1 FROM turns WHERE turns.id = turn_id AND status = 'running'))"""
_KEEP = "INSERT OR REPLACE INTO idempotency (owner, key_hash, body_hash, turn_id, expires_at) VALUES (?, ?, ?, ?, ?)"
# A few at a time: each new key takes more old ones away than it adds.
_SWEEP = """DELETE FROM idempotency WHERE (owner, key_hash) IN (
    SELECT owner, key_hash FROM idempotency WHERE expires_at <= ?
    AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.id = turn_id AND status = 'running')
    ORDER BY expires_at LIMIT 8)"""

Query = Callable[[str, Sequence[object]], list[Row]]


def turn_of_key(query: Query, owner: str, idempotency: Idempotency, at: float) -> str | None:
    """The id of the turn that the key began, None when it is new or too old. `KeyReused` for another body."""
    rows = query(_FIND, (owner, idempotency.key, at))
    if not rows:
        return None
    body, turn_id = rows[0]
    if body != idempotency.body:
        raise KeyReused("This Idempotency-Key was sent before with another body.")
    return str(turn_id)


def keep_key(transaction: Transaction, turn: NewTurn, idempotency: Idempotency) -> None:
    """Remember the key of a turn that begins, and forget a few old ones."""
    transaction.execute(_SWEEP, (turn.at,))
    transaction.execute(_KEEP, (turn.owner, idempotency.key, idempotency.body, turn.turn_id, idempotency.expires_at))
