"""Where a turn and its answer come from: a new message, or another process that left it running. Used by `run`."""

import asyncio
from typing import Protocol

from doorward.errors import AgentUnreachable, Conflict, NotFound
from doorward.model.agent import AgentReply
from doorward.model.chat import NewTurn, OpenTurn, Turn, TurnEvent, TurnStatus
from doorward.ports.conversations import TurnStore
from doorward.services.chat.decode import AnswerDecoder
from doorward.services.chat.replay import Replay, decoded
from doorward.services.chat.tail import LiveTail
from doorward.services.invocation import Errand, Invoker

# How long a runtime that does not answer is asked for a turn that it may still run, in seconds.
RESUME_SECONDS = 30.0
RESUME_PAUSE = 0.2
READ_BATCH = 2048


class Source(Protocol):
    """A turn's beginning and its answer."""

    @property
    def last_event(self) -> int:
        """The number of the last event that the log holds when the answer begins."""
        ...

    async def begin(self, tail: LiveTail) -> Turn:
        """The stored turn; `tail` is told of the events that are durable with it."""
        ...

    async def open(self, errand: Errand) -> AgentReply:
        """The agent's answer, from its first byte."""
        ...

    def unseen(self, events: list[bytes], content_type: str) -> list[bytes]:
        """Those events of the answer that the log does not hold yet."""
        ...

    def standing(self, decoder: AnswerDecoder | None) -> AnswerDecoder | None:
        """What is known of the answer at its end: the `decoder` that read it, or another that knows more."""
        ...


class NewMessage:
    """A message that was just sent."""

    last_event = 1  # stored with the turn

    def __init__(self, new: NewTurn, turns: TurnStore, invoker: Invoker) -> None:
        self._new = new
        self._turns = turns
        self._invoker = invoker

    async def begin(self, tail: LiveTail) -> Turn:
        turn = await self._turns.begin(self._new)
        if turn.id == self._new.turn_id:
            tail.publish([TurnEvent(1, self._new.first_event)])
        return turn

    async def open(self, errand: Errand) -> AgentReply:
        return await self._invoker.invoke(errand)

    def unseen(self, events: list[bytes], content_type: str) -> list[bytes]:  # noqa: ARG002  # all of them
        return events

    def standing(self, decoder: AnswerDecoder | None) -> AnswerDecoder | None:
        return decoder


class Stored(NewMessage):
    """A turn that another process began and handed over before the agent was asked (functions)."""

    async def begin(self, tail: LiveTail) -> Turn:
        """`NotFound` when it was deleted meanwhile, `Conflict` when it has ended already: then nothing is run."""
        turn = await self._turns.get(self._new.owner, self._new.turn_id)
        if turn is None:
            raise NotFound("There is no such turn.")
        if turn.status is not TurnStatus.RUNNING:
            raise Conflict("This turn has ended.")
        tail.last = self.last_event
        return turn


class LeftRunning:
    """A turn that another process began and cannot go on with (F-02). The runtime tells its answer again, or says that
    it does not have it; nothing is run a second time.

    `message_id` is the id of the answer's message. Nobody is asked without `resumes`: there the runtime keeps nothing.
    """

    def __init__(
        self, left: OpenTurn, turns: TurnStore, invoker: Invoker, message_id: str, *, resumes: bool = True
    ) -> None:
        self._left = left
        self._resumes = resumes and bool(left.subject)
        self._turns = turns
        self._invoker = invoker
        self._message_id = message_id
        self._log: list[bytes] = []
        self._replay: Replay | None = None

    @property
    def last_event(self) -> int:
        return self._left.last_event

    async def begin(self, tail: LiveTail) -> Turn:
        tail.last = self._left.last_event
        after = 1
        while batch := await self._turns.events(self._left.turn.id, after=after, limit=READ_BATCH):
            self._log += [event.data for event in batch]
            after = batch[-1].sequence
        return self._left.turn

    async def open(self, errand: Errand) -> AgentReply:
        """Raises `NotFound` (``turn_not_kept``) when the runtime does not have it, or does not come back in time."""
        if not self._resumes:
            raise _not_kept()
        try:
            async with asyncio.timeout(RESUME_SECONDS):
                return await self._ask(errand)
        except TimeoutError:
            raise _not_kept() from None

    async def _ask(self, errand: Errand) -> AgentReply:
        while True:
            try:
                return await self._invoker.resume(errand)
            except AgentUnreachable:  # it may be starting
                await asyncio.sleep(RESUME_PAUSE)

    def unseen(self, events: list[bytes], content_type: str) -> list[bytes]:
        if self._replay is None:
            self._replay = Replay(self._log, content_type)
        rest = self._replay.rest(events)
        if not self._replay.behind:
            self._log = []
        return rest

    def standing(self, decoder: AnswerDecoder | None) -> AnswerDecoder | None:
        if decoder is not None and not self._log:
            return decoder
        return decoded(self._log, self._message_id)


def _not_kept() -> NotFound:
    return NotFound("Nothing is left of this turn's answer.", code="turn_not_kept")
