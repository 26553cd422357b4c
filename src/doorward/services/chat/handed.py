"""The chat service where each request has a process of its own (functions): turns are begun here and run elsewhere.

It fulfils the same port as `service`, over the store alone: it begins a turn, has another function run it, and tells
its owner what that one writes. Nothing is kept between requests.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import msgspec
import structlog
from msgspec import Struct

from doorward.errors import (
    AgentUnreachable,
    Conflict,
    DoorwardError,
    InvalidInput,
    NotFound,
    TooManyRequests,
    TurnContinues,
)
from doorward.model.chat import (
    Idempotency,
    Turn,
    TurnEvent,
    TurnStatus,
)
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.conversations import KeyedTurnStore
from doorward.ports.functions import Marks, TurnRunner
from doorward.ports.services import PLAIN, Answer, Sending, StartedTurn
from doorward.services.chat import agui
from doorward.services.chat.equal_sends import EqualSends
from doorward.services.chat.failures import Failure
from doorward.services.chat.options import Asked, ChatOptions, new_job
from doorward.services.chat.run import TurnJob, never_run
from doorward.services.chat.stored import READ_BATCH, stored_outcome
from doorward.services.marked_places import GRACE, MarkedPlaces

log = structlog.get_logger()

LOOK_AT_TURN = 1.0
CANCEL_SECONDS = 10.0
LONGEST_PAUSE = 2.0


class HandedTurn(Struct, frozen=True, kw_only=True):
    """What the running function is told: the turn, and the place of its user's that it gives back at the end."""

    job: TurnJob
    place: str = ""


class HandedOptions(Struct, frozen=True, kw_only=True):
    """Seconds: within `answer_within` every request is answered, whether the turn has ended or not; before that a
    message waits for its conversation for `wait_within` at most; `poll` lies between two looks into the log.
    `streams_per_user` bounds the open streams of one user."""

    answer_within: float
    wait_within: float
    poll: float
    streams_per_user: int


class Parts(Struct, frozen=True, kw_only=True):
    """What the service works with."""

    turns: KeyedTurnStore
    marks: Marks
    runner: TurnRunner
    clock: Clock


class HandedChat:
    """Fulfils `ports.services.Chat`. A turn that takes longer than `answer_within` raises `TurnContinues`, or its
    stream ends without a last event: whoever reads comes back and reads on."""

    def __init__(self, parts: Parts, options: ChatOptions, handed: HandedOptions) -> None:
        self._turns = parts.turns
        self._marks = parts.marks
        self._places = MarkedPlaces(parts.marks)
        self._runner = parts.runner
        self._clock = parts.clock
        self._options = options
        self._handed = handed
        refuse = options.idempotency == "refuse"
        self._equal = EqualSends(parts.turns, parts.clock, ttl=options.idempotency_ttl, refuse=refuse)

    async def start(
        self, user: User, message: str, *, session_id: str | None, request_id: str, sending: Sending = PLAIN
    ) -> StartedTurn:
        on_busy = sending.on_busy or self._options.on_busy
        if on_busy == "interrupt":
            raise InvalidInput("Here a message cannot take the place of another; cancel that turn.", code="on_busy")
        if sending.key is None:
            return await self._start(Asked(user, message, session_id, request_id, on_busy))

        async def begin(idempotency: Idempotency) -> StartedTurn:
            return await self._start(Asked(user, message, session_id, request_id, on_busy, idempotency))

        return await self._equal.start(user.key, sending.key, begin)

    async def answer(self, user: User, turn_id: str) -> Answer:
        turn = await self._ended(user, turn_id, self._handed.answer_within)
        if turn.status is TurnStatus.RUNNING:
            raise TurnContinues("The turn goes on; read on in its events.")
        outcome = await stored_outcome(self._turns, turn)
        if outcome.failure is not None:
            raise outcome.failure.error()
        return Answer(response=outcome.content, session_id=turn.session_id, turn_id=turn.id, usage=turn.usage)

    async def events(self, user: User, turn_id: str, *, after: int) -> AsyncIterator[list[TurnEvent]]:
        if after < 0:
            raise InvalidInput("The number to read on from cannot be negative.", code="invalid_after")
        await self.turn(user, turn_id)
        until = self._clock() + self._handed.answer_within
        place = await self._places.take(f"stream/{user.key}", self._handed.streams_per_user, until=until)
        if place is None:
            raise TooManyRequests("Too many streams of yours are open.", code="too_many_streams", retry_after=1.0)
        return self._follow(user, turn_id, after, place)

    async def turn(self, user: User, turn_id: str) -> Turn:
        turn = await self._turns.get(user.key, turn_id)
        if turn is None:
            raise NotFound("There is no such turn.")
        return turn

    async def cancel(self, user: User, turn_id: str) -> Turn:
        turn = await self.turn(user, turn_id)
        if turn.status is not TurnStatus.RUNNING:
            return turn
        await self._marks.take(cancelled(turn_id), until=self._clock() + self._options.turn_timeout + GRACE)
        return await self._ended(user, turn_id, CANCEL_SECONDS)

    async def _start(self, asked: Asked) -> StartedTurn:
        until = self._clock() + self._options.turn_timeout
        place = await self._places.take(f"turn/{asked.user.key}", self._options.turns_per_user, until=until)
        if place is None:
            raise TooManyRequests("Too many turns of yours run at once.", code="too_many_turns", retry_after=1.0)
        job = new_job(self._options, asked, self._clock())
        try:
            begun = await self._begin(job, asked)
        except BaseException:
            await self._places.give(place)
            raise
        if begun.id != job.new.turn_id:  # another send of this key was first
            await self._places.give(place)
            return StartedTurn(turn_id=begun.id, session_id=begun.session_id, replayed=True)
        await self._hand_over(job, place)
        return StartedTurn(turn_id=begun.id, session_id=begun.session_id)

    async def _begin(self, job: TurnJob, asked: Asked) -> Turn:
        """Store it. With ``enqueue``, wait while another turn of the conversation runs, in no certain order."""
        if asked.on_busy != "enqueue":
            return await self._turns.begin(job.new)
        return await self._begun(job) or await self._in_line(job, asked.user)

    async def _in_line(self, job: TurnJob, user: User) -> Turn:
        """Each try costs, so that the pauses between them grow."""
        deadline, pause = self._clock() + min(self._options.queue_timeout, self._handed.wait_within), self._handed.poll
        line = f"queue/{user.key}/{job.new.session_id}"
        place = await self._places.take(line, self._options.queue_length, until=deadline)
        if place is None:
            raise TooManyRequests("Too many messages wait here.", retry_after=1.0, code="turn_queue_full")
        try:
            while (left := deadline - self._clock()) > 0:
                await asyncio.sleep(min(pause, left))
                pause = min(pause * 1.5, LONGEST_PAUSE)
                begun = await self._begun(job)
                if begun is not None:
                    return begun
        finally:
            await self._places.give(place)
        raise Conflict("The conversation was busy for too long.", code="turn_queue_timeout")

    async def _begun(self, job: TurnJob) -> Turn | None:
        """None while another turn of the conversation runs."""
        try:
            return await self._turns.begin(job.new)
        except Conflict as error:
            if error.code != "turn_active":
                raise
            return None

    async def _hand_over(self, job: TurnJob, place: str) -> None:
        """INVARIANT: a turn that was begun and that nobody runs is closed at once."""
        new = msgspec.structs.replace(job.new, idempotency=None, reservation=None)
        event = HandedTurn(job=msgspec.structs.replace(job, new=new), place=place)
        try:
            await self._runner.begin(msgspec.json.encode({"turn": event}))
        except DoorwardError as error:
            log.warning("turn_not_handed_over", turn=job.new.turn_id, code=error.code)
            try:
                await self._close_unrun(job)
            finally:
                await self._places.give(place)
            raise AgentUnreachable(Failure("agent_unreachable").sentence) from error

    async def _close_unrun(self, job: TurnJob) -> None:
        cost = self._options.budget.cost if self._options.budget is not None else None
        await self._turns.finish(never_run(job, Failure("agent_unreachable"), self._clock(), cost))

    async def _ended(self, user: User, turn_id: str, within: float) -> Turn:
        """The turn when it has ended, or as it is after so many seconds."""
        deadline = self._clock() + within
        while True:
            turn = await self.turn(user, turn_id)
            if turn.status is not TurnStatus.RUNNING or self._clock() >= deadline:
                return turn
            await asyncio.sleep(self._handed.poll)

    async def _follow(self, user: User, turn_id: str, after: int, place: str) -> AsyncIterator[list[TurnEvent]]:
        try:
            async with aclosing(self._batches(user, turn_id, after)) as batches:
                async for batch in batches:
                    yield batch
        finally:
            await self._places.give(place)

    async def _batches(self, user: User, turn_id: str, after: int) -> AsyncGenerator[list[TurnEvent], None]:
        deadline = self._clock() + self._handed.answer_within
        heard = looked = self._clock()
        ended = False
        while True:
            batch = await self._turns.events(turn_id, after=after, limit=READ_BATCH)
            now = self._clock()
            if batch:
                after, heard = batch[-1].sequence, now
                yield batch
                if agui.is_last(batch[-1].data):
                    return
            if (ended and not batch) or now >= deadline:
                return
            if len(batch) == READ_BATCH:  # there is more of it
                continue
            if now - heard >= self._options.heartbeat:
                heard = now
                yield []
            if not batch and now - looked >= LOOK_AT_TURN:
                looked, ended = now, (await self.turn(user, turn_id)).status is not TurnStatus.RUNNING
            await asyncio.sleep(self._handed.poll)


def cancelled(turn_id: str) -> str:
    """The mark that says that a turn is to be stopped."""
    return f"cancel/{turn_id}"
