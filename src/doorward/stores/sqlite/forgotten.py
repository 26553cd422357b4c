"""Deleted conversations that the agent still has to forget. `conversations.py` adds to them in the transaction that
deletes, `turns.py` refuses to begin one anew while it is here, and the chat service works them off through its port."""

from doorward.errors import Conflict
from doorward.model.chat import Forgotten
from doorward.model.principals import User
from doorward.stores.sqlite.database import SqliteDatabase
from doorward.stores.sqlite.writer import Transaction

_PENDING = "SELECT issuer, subject, session_id FROM forgotten LIMIT ?"
_ADD = "INSERT OR REPLACE INTO forgotten (owner, session_id, issuer, subject) VALUES (?, ?, ?, ?)"
_IS_PENDING = "SELECT 1 FROM forgotten WHERE owner = ? AND session_id = ?"
_DONE = "DELETE FROM forgotten WHERE owner = ? AND session_id = ?"


def remember_to_forget(transaction: Transaction, user: User, session_id: str) -> None:
    """The agent keeps state of this conversation, which has just been deleted."""
    transaction.execute(_ADD, (user.key, session_id, user.issuer, user.subject))


def refuse_forgotten(transaction: Transaction, owner: str, session_id: str) -> None:
    """INVARIANT: a conversation that is begun under the id of a deleted one meets nothing of it. `Conflict`."""
    if transaction.execute(_IS_PENDING, (owner, session_id)).fetchone():
        raise Conflict("The conversation of this id is being deleted; try again.", code="conversation_deleting")


class SqliteForgotten:
    """`ForgottenStore` on SQLite."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def pending(self, *, limit: int) -> list[Forgotten]:
        rows = self._database.read(_PENDING, (limit,))
        return [Forgotten(issuer=issuer, subject=subject, session_id=session) for issuer, subject, session in rows]

    async def done(self, owner: str, session_id: str) -> None:
        def remove(transaction: Transaction) -> None:
            transaction.execute(_DONE, (owner, session_id))

        await self._database.submit(remove)
