"""Budgets of a day, in the transactions that begin and end a turn. `turns.py` calls it; `usage.py` reads.

INVARIANT: what is spent and set aside together passes a limit only by what a turn costs beyond what it set aside.
"""

from doorward.errors import TooManyRequests
from doorward.model.budget import Amount, Reservation, Spent
from doorward.model.chat import NewTurn
from doorward.stores.sqlite.writer import Transaction

EVERYBODY = ""
USED = "SELECT tokens + reserved_tokens, money + reserved_money FROM budget_days WHERE owner = ? AND day = ?"
_SET_ASIDE = """INSERT INTO budget_days (owner, day, tokens, money, reserved_tokens, reserved_money)
VALUES (?, ?, 0, 0, ?, ?) ON CONFLICT (owner, day) DO UPDATE SET
    reserved_tokens = reserved_tokens + excluded.reserved_tokens,
    reserved_money = reserved_money + excluded.reserved_money"""
_RESERVE = "INSERT INTO budget_reservations (turn_id, owner, day, tokens, money) VALUES (?, ?, ?, ?, ?)"
_RESERVED = "SELECT owner, day, tokens, money FROM budget_reservations WHERE turn_id = ?"
_SETTLE = """UPDATE budget_days SET tokens = tokens + ?, money = money + ?,
    reserved_tokens = reserved_tokens - ?, reserved_money = reserved_money - ? WHERE owner IN (?, ?) AND day = ?"""
_RELEASE = "DELETE FROM budget_reservations WHERE turn_id = ?"


def check_budget(transaction: Transaction, turn: NewTurn, reservation: Reservation) -> None:
    """Raise `TooManyRequests` (``budget_exhausted``) when the turn does not fit. Writes nothing."""
    for owner, limit in ((turn.owner, reservation.user_limit), (EVERYBODY, reservation.total_limit)):
        tokens, money = transaction.execute(USED, (owner, reservation.day)).fetchone() or (0, 0)
        amount = reservation.amount
        too_many = limit.tokens and tokens + amount.tokens > limit.tokens
        # Without a price nothing is set aside; then what was spent decides alone.
        too_dear = limit.money and (money + amount.money > limit.money or money >= limit.money)
        if too_many or too_dear:
            raise TooManyRequests(
                "The budget of this day is used up.",
                retry_after=max(1.0, reservation.ends_at - turn.at),
                code="budget_exhausted",
            )


def set_aside(transaction: Transaction, turn: NewTurn, reservation: Reservation) -> None:
    """Count what the turn may spend as used until it ends."""
    amount, day = reservation.amount, reservation.day
    for owner in (turn.owner, EVERYBODY):
        transaction.execute(_SET_ASIDE, (owner, day, amount.tokens, amount.money))
    transaction.execute(_RESERVE, (turn.turn_id, turn.owner, day, amount.tokens, amount.money))


def settle(transaction: Transaction, turn_id: str, spent: Spent) -> None:
    """Put what a turn cost in place of what it had set aside, on the day on which it began."""
    row = transaction.execute(_RESERVED, (turn_id,)).fetchone()
    if row is None:
        return
    owner, day, tokens, money = row
    amount = spent.amount
    if spent.unsure:
        amount = Amount(max(amount.tokens, tokens), max(amount.money, money))
    transaction.execute(_SETTLE, (amount.tokens, amount.money, tokens, money, owner, EVERYBODY, day))
    transaction.execute(_RELEASE, (turn_id,))
