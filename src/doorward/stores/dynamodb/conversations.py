"""Conversations and their messages. The conversations service reads them through its port.

Every key holds the owner's: a conversation of another owner is not found (AP-SES-01). Pages are key ranges, so that
they cost the same at any depth.
"""

from collections.abc import Sequence

from doorward.errors import Conflict
from doorward.model.chat import Conversation, Message, Page
from doorward.model.principals import User
from doorward.stores.cursors import Cursors, Place
from doorward.stores.dynamodb import found, layout
from doorward.stores.dynamodb.erasing import erase, to_be_erased
from doorward.stores.dynamodb.forgotten import to_be_forgotten
from doorward.stores.dynamodb.found import Found
from doorward.stores.dynamodb.parts import joined
from doorward.stores.dynamodb.search import holding, words_item
from doorward.stores.dynamodb.table import ATTEMPTS, ConditionFailed, Range, Table, contended
from doorward.stores.dynamodb.writes import delete, update
from doorward.stores.words import asked

_SAME = "#number = :number"


class DynamoConversations:
    """`ConversationStore` on DynamoDB. Who deletes waits `erase_within` seconds for what that leaves to be erased."""

    def __init__(self, table: Table, cursors: Cursors, *, erase_within: float = 3.0) -> None:
        self._table = table
        self._cursors = cursors
        self._erase_within = erase_within

    async def page(self, owner: str, *, limit: int, cursor: str | None) -> Page[Conversation]:
        place = None if cursor is None else self._cursors.read(cursor, "conversations", owner)
        within = Range(last=_before(place), index=True) if place else Range(first="0", index=True)
        items = await self._table.query(layout.of_user(owner), within, limit=limit + 1, newest=True)
        return self._listed([found.found(owner, item) for item in items], limit, "conversations", owner)

    async def get(self, owner: str, session_id: str) -> Conversation | None:
        known = await found.conversation(self._table, owner, session_id)
        return known.conversation if known else None

    async def rename(self, owner: str, session_id: str, name: str, *, by_user: bool) -> bool:
        for _ in range(ATTEMPTS):
            known = await found.conversation(self._table, owner, session_id)
            if known is None or (known.conversation.renamed and not by_user):
                return False
            change = update(
                layout.conversation(owner, session_id),
                "SET #name = :name, #renamed = :by_user",
                f"{_SAME} AND #renamed = :was",
                name=name,
                by_user=by_user,
                was=known.conversation.renamed,
                number=known.number,
            )
            try:
                await self._table.write(change, words_item(owner, known.number, 0, session_id, name))
            except ConditionFailed:
                continue
            return True
        raise contended()

    async def delete(self, owner: str, session_id: str, *, user: User | None = None) -> bool:
        for _ in range(ATTEMPTS):
            known = await found.conversation(self._table, owner, session_id)
            if known is None:
                return False
            if known.running:
                raise Conflict("A turn of this conversation is running.", code="turn_active")
            key = layout.conversation(owner, session_id)
            gone = delete(key, f"{_SAME} AND attribute_not_exists(#running)", number=known.number)
            left = to_be_erased(owner, known.number)
            try:
                await self._table.write(gone, left, *([to_be_forgotten(user, session_id)] if user else []))
            except ConditionFailed:
                continue
            await erase(self._table, owner, known.number, within=self._erase_within)
            return True
        raise contended()

    async def search(self, owner: str, query: str, *, limit: int, cursor: str | None) -> Page[Conversation]:
        place = None if cursor is None else self._cursors.read(cursor, "search", owner, query)
        wanted = asked(query)
        if not wanted:
            return Page([])
        sessions = await holding(self._table, owner, wanted)
        items = await self._table.get_all([layout.conversation(owner, session) for session in sessions.values()])
        known = [one for one in (found.found(owner, item) for item in items) if one.number in sessions]
        known.sort(key=_order, reverse=True)
        if place is not None:
            known = [one for one in known if _order(one) < (place.order, place.key)]
        return self._listed(known[: limit + 1], limit, "search", owner, query)

    async def messages(
        self, owner: str, session_id: str, *, limit: int, cursor: str | None, newest_first: bool = False
    ) -> Page[Message]:
        scope = ("messages", owner, session_id)
        place = None if cursor is None else self._cursors.read(cursor, *scope)
        known = await found.conversation(self._table, owner, session_id)
        if known is None:
            return Page([])
        count = known.conversation.message_count
        first, last = _positions(count, limit, place, newest_first=newest_first)
        if first > last:
            return Page([])
        within = Range(layout.position(first), f"{layout.position(last)}~")
        items = await self._table.query(layout.messages(owner, known.number), within)
        return Page(
            [found.message(session_id, item, content) for item, content in joined(items)],
            self._cursors.make(Place(0.0, last), *scope) if last < count else None,
            self._cursors.make(Place(0.0, first, backwards=True), *scope) if first > 1 else None,
        )

    def _listed(self, known: Sequence[Found], limit: int, *scope: str) -> Page[Conversation]:
        """A page of `limit` from up to one more, which says whether there is a next one."""
        items = [one.conversation for one in known[:limit]]
        if len(known) <= limit or not items:
            return Page(items)
        return Page(items, self._cursors.make(Place(*_order(known[limit - 1])), *scope))


def _order(known: Found) -> tuple[float, int]:
    return known.conversation.updated_at, known.number


def _before(place: Place) -> str:
    return layout.recent(place.order, place.key - 1)


def _positions(count: int, limit: int, place: Place | None, *, newest_first: bool) -> tuple[int, int]:
    """Positions run from 1 to `count` without gaps, so a page is plain arithmetic."""
    if place is None:
        first = max(1, count - limit + 1) if newest_first else 1
    elif place.backwards:
        first = max(1, place.key - limit)
    else:
        first = place.key + 1
    last = min(count, first + limit - 1)
    if place is not None and place.backwards:
        last = min(last, place.key - 1)
    return first, last
