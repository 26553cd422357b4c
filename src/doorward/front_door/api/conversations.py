"""``/api/conversations``: list, search, read, rename, delete. Needs neither agent nor model, and has no way to one.

Another user's conversation is answered as one that does not exist, for every verb (AP-SES-01).
"""

from doorward.front_door.api.parameters import MAX_QUERY, bounded, caller, choice, cursor_of, limit_of
from doorward.front_door.api.shapes import (
    ConversationItem,
    ConversationList,
    MessageItem,
    MessageList,
    RenameRequest,
    timestamp,
)
from doorward.http.request import Request
from doorward.http.response import Problem, Response, json_response
from doorward.http.routes import Access, Handler, Route
from doorward.model.chat import Conversation, Message
from doorward.ports.services import Conversations


def conversation_routes(conversations: Conversations) -> list[Route]:
    """Conversations of the caller; `front_door.api.export` has their export."""
    one = "/api/conversations/{session_id}"
    return [
        Route(
            method="GET",
            path="/api/conversations",
            handler=_page(conversations),
            access=Access.USER,
            query=("limit", "cursor", "q"),
            summary="Conversations, newest first by activity; q= searches names and messages.",
            responses={200: ConversationList},
        ),
        Route(
            method="GET",
            path=one,
            handler=_read(conversations),
            access=Access.USER,
            query=("limit", "cursor", "from"),
            summary="Messages in order; from=end gives the newest page.",
            responses={200: MessageList, 404: Problem},
        ),
        Route(
            method="PATCH",
            path=one,
            handler=_rename(conversations),
            access=Access.USER,
            body=RenameRequest,
            body_limit=4096,
            prompt=("conversation_name",),
            summary="Rename a conversation.",
            responses={200: ConversationItem, 404: Problem},
        ),
        Route(
            method="DELETE",
            path=one,
            handler=_delete(conversations),
            access=Access.USER,
            summary="Delete a conversation with all its messages.",
            responses={204: None, 404: Problem, 409: Problem},
        ),
    ]


def _page(conversations: Conversations) -> Handler:
    async def page(request: Request) -> Response:
        query = request.query()
        found = await conversations.page(
            caller(request),
            limit=limit_of(query),
            cursor=cursor_of(query),
            query=bounded(query, "q", MAX_QUERY),
        )
        items = [conversation_item(conversation) for conversation in found.items]
        return json_response(ConversationList(conversations=items, next_cursor=found.next_cursor))

    return page


def _read(conversations: Conversations) -> Handler:
    async def read(request: Request) -> Response:
        user, session_id, query = caller(request), request.params["session_id"], request.query()
        found = await conversations.read(
            user,
            session_id,
            limit=limit_of(query),
            cursor=cursor_of(query),
            newest_first=choice(query, "from") == "end",
        )
        return json_response(
            MessageList(
                session_id=session_id,
                actor_id=user.key,
                messages=[message_item(message) for message in found.items],
                next_cursor=found.next_cursor,
                previous_cursor=found.previous_cursor,
            )
        )

    return read


def _rename(conversations: Conversations) -> Handler:
    async def rename(request: Request) -> Response:
        name = request.body.conversation_name.strip()
        return json_response(
            conversation_item(await conversations.rename(caller(request), request.params["session_id"], name))
        )

    return rename


def _delete(conversations: Conversations) -> Handler:
    async def delete(request: Request) -> Response:
        await conversations.delete(caller(request), request.params["session_id"])
        return Response(status=204)

    return delete


def conversation_item(conversation: Conversation) -> ConversationItem:
    """A conversation as the API shows it."""
    return ConversationItem(
        session_id=conversation.session_id,
        conversation_name=conversation.name,
        created_at=timestamp(conversation.created_at),
        updated_at=timestamp(conversation.updated_at),
        message_count=conversation.message_count,
    )


def message_item(message: Message) -> MessageItem:
    """A message as the API shows it."""
    return MessageItem(
        id=message.id,
        role=message.role,
        content=message.content,
        timestamp=timestamp(message.timestamp),
        turn_id=message.turn_id,
        status=message.status.value,
    )
