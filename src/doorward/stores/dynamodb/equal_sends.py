"""Idempotency keys of turns, in the transaction that begins the turn. `turns.py` calls it.

INVARIANT: a key that began a turn begins no other one before it expires, and never while that turn runs: DynamoDB may
remove a key only a week after its time, when no turn can run any more.
"""

from doorward.errors import KeyReused
from doorward.model.chat import Idempotency, NewTurn
from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.values import Item
from doorward.stores.dynamodb.writes import NEW, Write, put

_KEPT_AFTER = 7 * 86_400


def same_body(item: Item, idempotency: Idempotency) -> None:
    """`KeyReused` when the key came with another body."""
    if item["body"] != idempotency.body:
        raise KeyReused("This Idempotency-Key was sent before with another body.")


def keep_key(turn: NewTurn, idempotency: Idempotency, old: Item | None) -> Write:
    """Remember the key, in the place of an `old` one that is over. Somebody else's is not replaced."""
    item = {
        "body": idempotency.body,
        "turn": turn.turn_id,
        "until": idempotency.expires_at,
        layout.TIME_TO_LIVE: int(idempotency.expires_at) + _KEPT_AFTER,
    }
    key = layout.equal_send(turn.owner, idempotency.key)
    return put(key, item, NEW) if old is None else put(key, item, "#turn = :old", old=old["turn"])
