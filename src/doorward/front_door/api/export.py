"""``GET /api/conversations/{session_id}/export``: a whole conversation as a file, streamed page by page.

A store that fails in the middle breaks the download off: a part never looks like the whole.
"""

import re
from collections.abc import AsyncIterator

import msgspec

from doorward.front_door.api.conversations import conversation_item, message_item
from doorward.front_door.api.parameters import caller, choice
from doorward.front_door.api.shapes import ConversationItem, MessageItem, timestamp
from doorward.http.request import Request
from doorward.http.response import Problem, Response
from doorward.http.routes import Access, Route
from doorward.model.chat import Conversation, Message
from doorward.ports.services import Conversations

_TYPES = {"json": (b"application/json", "json"), "markdown": (b"text/markdown; charset=utf-8", "md")}
_NOT_A_FILE_NAME = re.compile(r"[^A-Za-z0-9-]")


class ExportedConversation(ConversationItem, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The JSON form of an export."""

    messages: list[MessageItem]


def export_routes(conversations: Conversations) -> list[Route]:
    """The export of one conversation of the caller."""

    async def export(request: Request) -> Response:
        wanted = choice(request.query(), "format")
        conversation, pages = await conversations.export(caller(request), request.params["session_id"])
        media_type, suffix = _TYPES[wanted]
        name = f"conversation-{_NOT_A_FILE_NAME.sub('', conversation.session_id)}.{suffix}"
        chunks = as_json(conversation, pages) if wanted == "json" else as_markdown(conversation, pages)
        return Response(
            headers=[
                (b"content-type", media_type),
                (b"content-disposition", f'attachment; filename="{name}"'.encode("ascii")),
            ],
            chunks=chunks,
        )

    return [
        Route(
            method="GET",
            path="/api/conversations/{session_id}/export",
            handler=export,
            access=Access.USER,
            query=("format",),
            summary="The whole conversation as a file.",
            responses={200: (ExportedConversation, "text/markdown"), 404: Problem},
        )
    ]


async def as_json(conversation: Conversation, pages: AsyncIterator[list[Message]]) -> AsyncIterator[bytes]:
    """One JSON object, `ExportedConversation`."""
    yield msgspec.json.encode(conversation_item(conversation))[:-1] + b',"messages":['
    comma = b""
    async for page in pages:
        for message in page:
            yield comma + msgspec.json.encode(message_item(message))
            comma = b","
    yield b"]}"


async def as_markdown(conversation: Conversation, pages: AsyncIterator[list[Message]]) -> AsyncIterator[bytes]:
    """A heading for the conversation and one for each message; the content is as it was written."""
    title = " ".join(conversation.name.split())
    yield f"# {title}\n\nBegun {timestamp(conversation.created_at)}\n".encode()
    async for page in pages:
        for message in page:
            mark = "" if message.status.value == "complete" else f" ({message.status.value})"
            yield f"\n## {message.role}, {timestamp(message.timestamp)}{mark}\n\n{message.content}\n".encode()
