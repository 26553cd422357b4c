"""Deleted conversations that the agent still has to forget. `conversations.py` adds to them in the transaction that
deletes, `turns.py` refuses to begin one anew while it is here, and the service works them off through its port."""

from doorward.model.chat import Forgotten
from doorward.model.principals import User
from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.erasing import erase_what_is_left
from doorward.stores.dynamodb.table import Table
from doorward.stores.dynamodb.writes import Write, check, delete, put


def to_be_forgotten(user: User, session_id: str) -> Write:
    """The agent keeps state of this conversation, which is being deleted."""
    item = {"issuer": user.issuer, "subject": user.subject, "session": session_id}
    return put(layout.forgotten(user.key, session_id), item)


def not_being_forgotten(owner: str, session_id: str) -> Write:
    """INVARIANT: a conversation that is begun under the id of a deleted one meets nothing of it."""
    return check(layout.forgotten(owner, session_id), "attribute_not_exists(#pk)")


class DynamoForgotten:
    """`ForgottenStore` on DynamoDB. Who asks what is pending also goes on with deletions that are not through."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def pending(self, *, limit: int) -> list[Forgotten]:
        await erase_what_is_left(self._table)
        items = await self._table.query(layout.FORGOTTEN, limit=limit)
        return [Forgotten(issuer=item["issuer"], subject=item["subject"], session_id=item["session"]) for item in items]

    async def done(self, owner: str, session_id: str) -> None:
        await self._table.write(delete(layout.forgotten(owner, session_id)))
