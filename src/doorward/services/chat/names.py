"""Names of conversations: at once from the first message (pure), a better one from the model after the first answer.

Called by the chat service, in the background: a name that cannot be had is logged and never troubles a turn.
"""

import asyncio
import unicodedata
import uuid

import msgspec
import structlog
from msgspec import Struct

from doorward.errors import DoorwardError
from doorward.model.chat import Usage
from doorward.model.principals import User
from doorward.ports.conversations import ConversationStore
from doorward.services.chat.agui import TokenCount
from doorward.services.chat.failures import NEVER_RAN, UNCHARGED, failure_of
from doorward.services.invocation import Errand, Invoker, hang_up
from doorward.services.metering import Meter

log = structlog.get_logger()

FIRST_NAME_LENGTH = 60
NAME_LENGTH = 80
NO_NAME = "New conversation"
EXCERPT = 4000
TIMEOUT_SECONDS = 20.0
MAX_REPLY_BYTES = 16_384
AT_ONCE = 4
_JOINERS = "\u200c\u200d"  # Persian words and families of emoji need them
MAX_WAITING = 256


def first_name(message: str) -> str:
    """A name from the first line that has text, cut between words near 60 characters."""
    for line in message[:EXCERPT].splitlines():
        name = _clean(line[: 4 * FIRST_NAME_LENGTH])
        if name:
            return _cut(name, FIRST_NAME_LENGTH)
    return NO_NAME


def cleaned_name(proposed: str) -> str:
    """What a model proposed as one line without quotation marks and control characters; empty when nothing is left."""
    return _cut(_clean(proposed).strip("\"'`*#“”„«»‘’ ").rstrip("."), NAME_LENGTH)  # noqa: RUF001 - quotation marks


def _clean(text: str) -> str:
    return " ".join("".join(c for c in text if c.isspace() or c in _JOINERS or _is_visible(c)).split())


def _is_visible(character: str) -> bool:
    # Categories C*: control, format (also those that turn the direction of writing), surrogate, private, unassigned.
    return not unicodedata.category(character).startswith("C")


def _cut(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    head = text[: length - 1]
    words, space, _ = head.rpartition(" ")
    return (words if space and len(words) > length // 2 else head).rstrip(" ,;:-") + "…"


class Naming(Struct, frozen=True, kw_only=True):
    """A conversation that has its first answer. `new` is False when it may have older turns; `message` and `answer` are
    cut to `EXCERPT` characters, so that what waits takes little room."""

    user: User
    session_id: str
    turn_id: str
    request_id: str
    message: str
    answer: str
    new: bool


class _Reply(Struct, frozen=True):
    name: str
    usage: TokenCount = TokenCount()


class ModelNames:
    """Asks the titles agent for a name. At most four at once; when very many wait, further ones are left out."""

    def __init__(self, conversations: ConversationStore, invoker: Invoker, titles_arn: str, meter: Meter) -> None:
        self._conversations = conversations
        self._invoker = invoker
        self._meter = meter
        self._arn = titles_arn
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, naming: Naming) -> None:
        """Name it in the background."""
        if len(self._tasks) >= MAX_WAITING:
            log.warning("conversation_not_named", turn=naming.turn_id, code="too_many_waiting")
            return
        task = asyncio.create_task(self._name(naming))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what still runs."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _name(self, naming: Naming) -> None:
        try:
            async with self._gate, asyncio.timeout(TIMEOUT_SECONDS):
                if not naming.new and not await self._is_first(naming):
                    return
                name = cleaned_name(await self._metered(naming))
                if name:
                    await self._conversations.rename(naming.user.key, naming.session_id, name, by_user=False)
        except DoorwardError as error:
            log.warning("conversation_not_named", turn=naming.turn_id, code=error.code)
        except (TimeoutError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("conversation_not_named", turn=naming.turn_id, code=type(error).__name__)

    async def _is_first(self, naming: Naming) -> bool:
        conversation = await self._conversations.get(naming.user.key, naming.session_id)
        return conversation is not None and conversation.message_count <= 2 and not conversation.renamed

    async def _metered(self, naming: Naming) -> str:
        """What the model proposes: a name costs tokens as a turn does, and an empty budget leaves the first name."""
        async with self._meter.name(naming.user) as bill:
            try:
                reply = await self._ask(naming)
            except DoorwardError as error:
                bill.unsure = failure_of(error).code not in NEVER_RAN | UNCHARGED
                raise
            counted = reply.usage
            bill.usage = Usage(
                model=counted.model, input_tokens=counted.input_tokens, output_tokens=counted.output_tokens
            )
            bill.unsure = False
        return reply.name

    async def _ask(self, naming: Naming) -> _Reply:
        reply = await self._invoker.invoke(
            Errand(
                user=naming.user,
                agent=self._arn,
                # A session of its own: nothing of a conversation's state is touched for its name.
                session_id=str(uuid.uuid4()),
                turn_id=naming.turn_id,
                payload={"prompt": naming.message, "answer": naming.answer},
                request_id=naming.request_id,
                accept="application/json",
            )
        )
        try:
            document = bytearray()
            async for chunk in reply.chunks:
                document += chunk
                if len(document) > MAX_REPLY_BYTES:
                    return _Reply("")
            return msgspec.json.decode(bytes(document), type=_Reply)
        finally:
            await hang_up(reply.chunks)
