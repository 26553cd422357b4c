"""History: lists, reads, searches, renames, deletes and exports conversations. Called by the front door's handlers.

Refuses what is not the caller's with `NotFound`. It is given a store and nothing else.
INVARIANT: no import and no constructor parameter of this service leads to an agent or a model.
"""

from collections.abc import AsyncIterator

from doorward.errors import InvalidInput, NotFound
from doorward.model.chat import Conversation, Message, Page
from doorward.model.principals import User
from doorward.ports.conversations import ConversationStore

MAX_QUERY = 200
MAX_NAME = 200
EXPORT_PAGE = 200


class ConversationsService:
    """Fulfils `ports.services.Conversations`."""

    def __init__(self, conversations: ConversationStore) -> None:
        self._conversations = conversations

    async def page(self, user: User, *, limit: int, cursor: str | None, query: str | None) -> Page[Conversation]:
        if query is None:
            return await self._conversations.page(user.key, limit=limit, cursor=cursor)
        words = query.strip()
        if not 1 <= len(words) <= MAX_QUERY:
            raise InvalidInput(f"A search has 1 to {MAX_QUERY} characters.", code="invalid_query")
        return await self._conversations.search(user.key, words, limit=limit, cursor=cursor)

    async def read(
        self, user: User, session_id: str, *, limit: int, cursor: str | None, newest_first: bool
    ) -> Page[Message]:
        await self._own(user, session_id)
        return await self._conversations.messages(
            user.key, session_id, limit=limit, cursor=cursor, newest_first=newest_first
        )

    async def rename(self, user: User, session_id: str, name: str) -> Conversation:
        name = name.strip()
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise InvalidInput(f"A name has 1 to {MAX_NAME} characters on one line.", code="invalid_name")
        if not await self._conversations.rename(user.key, session_id, name, by_user=True):
            raise _not_found()
        return await self._own(user, session_id)

    async def delete(self, user: User, session_id: str) -> None:
        if not await self._conversations.delete(user.key, session_id, user=user):
            raise _not_found()

    async def export(self, user: User, session_id: str) -> tuple[Conversation, AsyncIterator[list[Message]]]:
        return await self._own(user, session_id), self._pages(user, session_id)

    async def _own(self, user: User, session_id: str) -> Conversation:
        conversation = await self._conversations.get(user.key, session_id)
        if conversation is None:
            raise _not_found()
        return conversation

    async def _pages(self, user: User, session_id: str) -> AsyncIterator[list[Message]]:
        cursor: str | None = None
        while True:
            page = await self._conversations.messages(user.key, session_id, limit=EXPORT_PAGE, cursor=cursor)
            if page.items:
                yield page.items
            cursor = page.next_cursor
            if cursor is None:
                return


def _not_found() -> NotFound:
    return NotFound("There is no such conversation.")
