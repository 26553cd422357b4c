"""Budgets of a day, in the transactions that begin and end a turn. `turns.py` calls it; `usage.py` reads. What is no
stored turn (a relayed call, a conversation's name) is reserved and settled by itself.

INVARIANT: what is spent and set aside together passes a limit only by what a turn costs beyond what it set aside.
"""

import msgspec

from doorward.errors import TooManyRequests
from doorward.model.budget import EVERYBODY, Amount, Reservation, Spent
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction

USED = "SELECT tokens + reserved_tokens, money + reserved_money FROM budget_days WHERE owner = ? AND day = ?"
_SET_ASIDE = """INSERT INTO budget_days (owner, day, tokens, money, reserved_tokens, reserved_money)
VALUES (?, ?, 0, 0, ?, ?) ON CONFLICT (owner, day) DO UPDATE SET
    reserved_tokens = reserved_tokens + excluded.reserved_tokens,
    reserved_money = reserved_money + excluded.reserved_money"""
_RESERVE = """INSERT INTO budget_reservations (turn_id, owner, day, tokens, money, accounts, alone)
VALUES (?, ?, ?, ?, ?, ?, ?)"""
_RESERVED = "SELECT owner, day, tokens, money, accounts FROM budget_reservations WHERE turn_id = ?"
_SETTLE = """UPDATE budget_days SET tokens = tokens + ?, money = money + ?,
    reserved_tokens = reserved_tokens - ?, reserved_money = reserved_money - ? WHERE owner = ? AND day = ?"""
_RELEASE = "DELETE FROM budget_reservations WHERE turn_id = ?"
_LOST = "SELECT turn_id FROM budget_reservations WHERE alone"

_accounts = msgspec.json.Decoder(list[str]).decode


def check_budget(transaction: Transaction, reservation: Reservation, *, at: float) -> None:
    """Raise `TooManyRequests` (``budget_exhausted``) when it does not fit into every account. Writes nothing."""
    amount = reservation.amount
    for share in reservation.shares:
        limit = share.limit
        tokens, money = transaction.execute(USED, (share.account, reservation.day)).fetchone() or (0, 0)
        too_many = limit.tokens and tokens + amount.tokens > limit.tokens
        # Without a price nothing is set aside; then what was spent decides alone.
        too_dear = limit.money and (money + amount.money > limit.money or money >= limit.money)
        if too_many or too_dear:
            raise TooManyRequests(
                "The budget of this day is used up.",
                retry_after=max(1.0, reservation.ends_at - at),
                code="budget_exhausted",
            )


def set_aside(transaction: Transaction, charge_id: str, reservation: Reservation, *, alone: bool = False) -> None:
    """Count what may be spent as used, until it is settled. `charge_id` is the turn's id, or `alone` one of its own."""
    amount, day = reservation.amount, reservation.day
    accounts = [share.account for share in reservation.shares]
    for account in accounts:
        transaction.execute(_SET_ASIDE, (account, day, amount.tokens, amount.money))
    kept = msgspec.json.encode(accounts).decode()
    transaction.execute(_RESERVE, (charge_id, accounts[0], day, amount.tokens, amount.money, kept, alone))


def settle(transaction: Transaction, charge_id: str, spent: Spent) -> None:
    """Put what it cost in place of what it had set aside, once, on the day on which it began."""
    row = transaction.execute(_RESERVED, (charge_id,)).fetchone()
    if row is None:
        return
    owner, day, tokens, money, accounts = row
    amount = spent.amount
    if spent.unsure:
        amount = Amount(max(amount.tokens, tokens), max(amount.money, money))
    for account in _accounts(accounts) if accounts else (owner, EVERYBODY):
        transaction.execute(_SETTLE, (amount.tokens, amount.money, tokens, money, account, day))
    transaction.execute(_RELEASE, (charge_id,))


class SqliteBudgets:
    """`BudgetStore` on SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def reserve(self, charge_id: str, reservation: Reservation, *, at: float) -> None:
        def write(transaction: Transaction) -> None:
            check_budget(transaction, reservation, at=at)
            set_aside(transaction, charge_id, reservation, alone=True)

        await self._database.submit(write)

    async def settle(self, charge_id: str, spent: Spent) -> None:
        await self._database.submit(lambda transaction: settle(transaction, charge_id, spent))

    async def settle_lost(self) -> int:
        return await self._database.submit(_settle_lost)

    async def used(self, account: str, *, day: str) -> Amount:
        rows = self._database.read(USED, (account, day))
        return Amount(*rows[0]) if rows else Amount()


def _settle_lost(transaction: Transaction) -> int:
    lost = transaction.execute(_LOST).fetchall()
    for (charge_id,) in lost:
        settle(transaction, charge_id, Spent(amount=Amount(), unsure=True))
    return len(lost)
