"""Items as the values of the model. Numbers come back as `int` or `float` as they happen to be written."""

from msgspec import Struct

from doorward.model.chat import Conversation, Message, MessageStatus, Turn, TurnStatus, Usage
from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.table import Table
from doorward.stores.dynamodb.values import Item


class Found(Struct, frozen=True):
    """A conversation as it is stored. `number` parts it from others of its id, `running` is the turn that runs."""

    conversation: Conversation
    number: int
    running: str | None


async def conversation(table: Table, owner: str, session_id: str) -> Found | None:
    """The conversation of this owner."""
    item = await table.get(layout.conversation(owner, session_id))
    return found(owner, item) if item is not None else None


def found(owner: str, item: Item) -> Found:
    """One item of `layout.conversation`."""
    known = Conversation(
        session_id=item["session"],
        owner=owner,
        name=item["name"],
        renamed=item["renamed"],
        created_at=float(item["created"]),
        updated_at=float(item["updated"]),
        message_count=item["count"],
    )
    return Found(known, item["number"], item.get("running"))


def message(session_id: str, item: Item, content: bytes) -> Message:
    """One message with its text."""
    return Message(
        id=item["id"],
        session_id=session_id,
        position=int(item["sk"]),
        role=item["role"],
        content=content.decode(),
        timestamp=float(item["at"]),
        turn_id=item["turn"],
        status=MessageStatus(item["status"]),
    )


def turn(item: Item) -> Turn:
    """One item of `layout.turn`."""
    finished = item.get("finished")
    return Turn(
        id=item["id"],
        session_id=item["session"],
        owner=item["owner"],
        status=TurnStatus(item["status"]),
        started_at=float(item["started"]),
        finished_at=float(finished) if finished is not None else None,
        error_code=item.get("error"),
        usage=Usage(
            model=item.get("model", ""), input_tokens=item.get("input", 0), output_tokens=item.get("output", 0)
        ),
    )
