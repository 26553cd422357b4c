"""Conversations whose texts are in the memory: read through the ids that the store beneath keeps, searched by reading.

AgentCore Memory has no index of words. A search reads the owner's conversations, the newest first and at most
`MOST_READ` of them for one page; where it stopped before it had enough, its cursor leads on.
"""

import hashlib

from msgspec.structs import replace

from doorward.errors import InvalidInput
from doorward.model.chat import Conversation, Forgotten, Message, MessageStatus, Page
from doorward.model.principals import User
from doorward.ports.conversations import ConversationStore, ForgottenStore
from doorward.stores.agentcore.texts import Place, Texts
from doorward.stores.words import asked, words_of

MOST_READ = 200
_MESSAGES_AT_ONCE = 100
_MARK = 16


class AgentCoreConversations:
    """`ConversationStore` with its texts in AgentCore Memory."""

    def __init__(self, beneath: ConversationStore, texts: Texts) -> None:
        self._beneath = beneath
        self._texts = texts

    async def page(self, owner: str, *, limit: int, cursor: str | None) -> Page[Conversation]:
        return await self._beneath.page(owner, limit=limit, cursor=cursor)

    async def get(self, owner: str, session_id: str) -> Conversation | None:
        return await self._beneath.get(owner, session_id)

    async def rename(self, owner: str, session_id: str, name: str, *, by_user: bool) -> bool:
        return await self._beneath.rename(owner, session_id, name, by_user=by_user)

    async def delete(self, owner: str, session_id: str, *, user: User | None = None) -> bool:
        deleted = await self._beneath.delete(owner, session_id, user=user)
        # With its user it is to be forgotten, and the texts go with that: tried again until it is done.
        if deleted and user is None:
            await self._texts.erase(Place(owner, session_id))
        return deleted

    async def messages(
        self, owner: str, session_id: str, *, limit: int, cursor: str | None, newest_first: bool = False
    ) -> Page[Message]:
        page = await self._beneath.messages(owner, session_id, limit=limit, cursor=cursor, newest_first=newest_first)
        texts = await self._texts.read(Place(owner, session_id), (item.content for item in page.items if item.content))
        return Page([_told(item, texts) for item in page.items], page.next_cursor, page.previous_cursor)

    async def search(self, owner: str, query: str, *, limit: int, cursor: str | None) -> Page[Conversation]:
        wanted = asked(query)
        mark = _mark(owner, query)
        behind = None if cursor is None else _unmarked(cursor, mark)
        found: list[Conversation] = []
        last = behind
        for _ in range(MOST_READ if wanted else 0):
            page = await self._beneath.page(owner, limit=1, cursor=behind)
            for conversation in page.items:
                if await self._holds(conversation, wanted):
                    if len(found) == limit:  # one more than asked for: there is a next page
                        return Page(found, _marked(last, mark))
                    found.append(conversation)
                    last = page.next_cursor
            behind = page.next_cursor
            if behind is None:
                return Page(found)
        return Page(found, _marked(behind, mark)) if wanted else Page([])

    async def _holds(self, conversation: Conversation, wanted: list[str]) -> bool:
        """Whether each word begins one of its name or messages."""
        left = _missing(wanted, conversation.name)
        cursor: str | None = None
        while left:
            page = await self.messages(
                conversation.owner, conversation.session_id, limit=_MESSAGES_AT_ONCE, cursor=cursor
            )
            for message in page.items:
                left = _missing(left, message.content)
            cursor = page.next_cursor
            if cursor is None:
                break
        return not left


class AgentCoreForgotten:
    """`ForgottenStore` that has the memory forget before it says so.

    INVARIANT: no conversation is begun anew under the id of one whose texts are still there.
    """

    def __init__(self, beneath: ForgottenStore, texts: Texts) -> None:
        self._beneath = beneath
        self._texts = texts

    async def pending(self, *, limit: int) -> list[Forgotten]:
        return await self._beneath.pending(limit=limit)

    async def done(self, owner: str, session_id: str) -> None:
        await self._texts.erase(Place(owner, session_id))
        await self._beneath.done(owner, session_id)


def _told(message: Message, texts: dict[str, str]) -> Message:
    """With its text. One whose event is gone, since it expired, is shown as cut short."""
    if not message.content:
        return message
    if message.content not in texts:
        return replace(message, content="", status=MessageStatus.PARTIAL)
    return replace(message, content=texts[message.content])


def _missing(wanted: list[str], text: str) -> list[str]:
    words = words_of(text)
    return [one for one in wanted if not any(word.startswith(one) for word in words)]


def _mark(owner: str, query: str) -> str:
    """What ties a cursor to its search. The cursor behind it is the store's own, which no other owner can use."""
    return hashlib.sha256(f"{owner}\0{query}".encode("utf-8", "surrogatepass")).hexdigest()[:_MARK]


def _marked(cursor: str | None, mark: str) -> str | None:
    return None if cursor is None else mark + cursor


def _unmarked(cursor: str, mark: str) -> str:
    if not cursor.startswith(mark):
        raise InvalidInput("This cursor does not belong to this list.", code="invalid_cursor")
    return cursor[len(mark) :]
