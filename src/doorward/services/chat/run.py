"""The life of one turn: store the message, ask the agent, store and publish what it answers, close the log.

Made and kept by the chat service; runs in a task of its own, whether anybody listens or not.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from msgspec import Struct
from msgspec.structs import replace

from doorward.errors import DoorwardError, StoreUnavailable
from doorward.model.budget import Amount, Spent
from doorward.model.chat import MessageStatus, NewTurn, Turn, TurnEvent, TurnResult, TurnStatus, Usage
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.conversations import TurnStore
from doorward.services.caps import Caps
from doorward.services.chat import agui
from doorward.services.chat.decode import AnswerDecoder
from doorward.services.chat.failures import NEVER_RAN, UNCHARGED, Failure, failure_of
from doorward.services.chat.late import finish
from doorward.services.chat.sources import NewMessage, Source
from doorward.services.chat.tail import LiveTail
from doorward.services.chat.writer import EventWriter
from doorward.services.invocation import Errand, Invoker, hang_up
from doorward.telemetry import traces
from doorward.telemetry.metrics import FIRST_EVENT_SECONDS

log = structlog.get_logger()

_STATUSES = {
    "turn_cancelled": TurnStatus.CANCELLED,
    "turn_superseded": TurnStatus.CANCELLED,
    "turn_stopped": TurnStatus.CANCELLED,
    "turn_interrupted": TurnStatus.INTERRUPTED,
}


class TurnJob(Struct, frozen=True, kw_only=True):
    """What a turn is to do. `agent` is its ARN; `timeout` in seconds; `keep` as in `AgentCall`."""

    user: User
    new: NewTurn
    agent: str
    timeout: float
    max_answer_bytes: int
    keep: float = 0.0


class TurnWays(Struct, frozen=True, kw_only=True):
    """What a turn needs. `on_unwritten` takes a result that the store refused, to be tried again. `cost` prices what
    was used, where there is a budget. `pace` is as in `EventWriter`. `before_end` is awaited before the end is written
    of a turn whose agent may still run."""

    turns: TurnStore
    invoker: Invoker
    clock: Clock
    on_unwritten: Callable[[TurnResult], None]
    cost: Callable[[Usage], Amount] | None = None
    caps: Caps | None = None
    pace: float = 0.0
    before_end: Callable[[Errand], Awaitable[None]] | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of a turn: `failure` is None when it came to its end."""

    turn: Turn
    content: str
    failure: Failure | None


class TurnRun:
    """One turn. `begun` gives the stored turn (or why it was not), `ended` its outcome. When the store knows the turn's
    key, `begun` gives the turn that the key began, and this one does nothing. `agent_told` notes
    that the agent's side knows that nobody waits any longer.

    INVARIANT: whatever happens, a turn that has begun ends with exactly one closing event, unless it was left (`leave`)
    for another process to end.
    """

    def __init__(self, job: TurnJob, ways: TurnWays, source: Source | None = None) -> None:
        loop = asyncio.get_running_loop()
        self.job = job
        self.errand = Errand(
            user=job.user,
            agent=job.agent,
            session_id=job.new.session_id,
            turn_id=job.new.turn_id,
            payload={"prompt": job.new.message},
            request_id=job.new.request_id,
            keep=job.keep,
        )
        self.tail = LiveTail()
        self.begun: asyncio.Future[Turn] = loop.create_future()
        self.ended: asyncio.Future[Outcome] = loop.create_future()
        self._ways = ways
        self._source = source or NewMessage(job.new, ways.turns, ways.invoker)
        self._writer = EventWriter(
            ways.turns, job.new.turn_id, self.tail, lambda: self.stop(Failure("store_unavailable")), ways.pace
        )
        self._writer.sequence = self._source.last_event
        self._decoder: AnswerDecoder | None = None
        self._heard = False
        self._stopped_by: Failure | None = None
        self._asking = False
        self._asked = False
        self._closing = False
        self._left: DoorwardError | None = None
        self._cut_short = False
        self.agent_told = False
        self.task = asyncio.create_task(self._live())

    @property
    def place(self) -> tuple[str, str]:
        """The conversation: its owner's key and its id."""
        return self.job.new.owner, self.job.new.session_id

    @property
    def cut_short(self) -> bool:
        """Whether the agent was asked, its answer not read to its end, and the turn not left: it may still run."""
        return self._cut_short and self._left is None

    @property
    def is_under_way(self) -> bool:
        """Whether its message is stored and its end is not."""
        if not self.begun.done() or self.begun.exception() is not None or self.ended.done():
            return False
        return self.begun.result().id == self.job.new.turn_id

    def stop(self, reason: Failure) -> None:
        """End it early, with this reason. A turn that is already closing ends as it would."""
        if self._stopped_by is None and not self._closing:
            self._stopped_by = reason
            if self._asking:
                self.task.cancel()

    def leave(self, reason: DoorwardError) -> None:
        """Let go of it without an end: another process goes on with it. Who waits for it gets `reason`. A turn that is
        already closing ends as it would."""
        if self._left is None and self._stopped_by is None and not self._closing:
            self._left = reason
            if self._asking:
                self.task.cancel()

    async def _live(self) -> None:
        try:
            turn = await self._source.begin(self.tail)
        except DoorwardError as error:
            self.begun.set_exception(error)
            self.begun.exception()  # seen: the caller may have gone away
            return
        self.begun.set_result(turn)
        if turn.id != self.job.new.turn_id:  # another send of this key was first; nothing of this one was kept
            return
        failure: Failure | None = Failure("internal_error")
        try:
            failure = await self._ask()
        except asyncio.CancelledError:
            failure = Failure("turn_interrupted")  # not by `stop`: the event loop is going down
            raise
        finally:
            self._closing = True
            if self._left is None:
                if self.cut_short and self._ways.before_end is not None:
                    await self._ways.before_end(self.errand)
                await self._close(turn, failure)
            else:
                await self._put_down(self._left)

    async def _put_down(self, reason: DoorwardError) -> None:
        await self._writer.rest([])
        self.tail.end(reason)
        self.ended.set_exception(reason)
        self.ended.exception()  # seen: there may be nobody who waits for it

    async def _ask(self) -> Failure | None:
        """Ask the agent to the end. The failure, or None."""
        if self._stopped_by is not None or self._left is not None:
            return self._stopped_by
        self._asking = True
        try:
            with traces.span("turn", attributes={"turn": self.job.new.turn_id}):
                async with asyncio.timeout(self.job.timeout):
                    return await self._stream()
        except TimeoutError:
            return Failure("agent_timeout")
        except DoorwardError as error:
            return failure_of(error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if (self._stopped_by is None and self._left is None) or task is None:
                raise
            task.uncancel()
            return self._stopped_by
        finally:
            self._asking = False

    async def _stream(self) -> Failure | None:
        job = self.job
        self._asked = self._cut_short = True
        reply = await self._source.open(self.errand)
        caps = self._ways.caps
        decoder = AnswerDecoder(reply.content_type, job.new.answer_id, max_bytes=job.max_answer_bytes, caps=caps)
        self._decoder = decoder
        try:
            async for chunk in reply.chunks:
                events = self._source.unseen(decoder.feed(chunk), reply.content_type)
                self._writer.add(events)
                if events and not self._heard:
                    self._heard = True
                    FIRST_EVENT_SECONDS.observe(max(0.0, self._ways.clock() - job.new.at))
                if decoder.answer.failure is not None:
                    break
                if self._writer.full:
                    await self._writer.room()
            else:
                self._cut_short = False
        finally:
            await hang_up(reply.chunks)
        return decoder.answer.failure

    async def _close(self, turn: Turn, failure: Failure | None) -> None:
        decoder = self._source.standing(self._decoder)
        last: list[bytes] = []
        if decoder is not None:
            last = decoder.close() if failure is None else decoder.give_up()
            failure = failure or decoder.answer.failure
        usage = decoder.answer.usage if decoder is not None else Usage()
        last.append(self._closing_event(failure, usage))
        events = await self._writer.rest(last)
        content = str(decoder.answer.text) if decoder is not None else ""
        result = TurnResult(
            turn_id=turn.id,
            status=_status(failure),
            message_id=self.job.new.answer_id,
            content=content,
            message_status=_message_status(failure, content),
            at=self._ways.clock(),
            events=events,
            error_code=failure.code if failure else None,
            usage=usage,
            spent=self._spent(usage, failure),
        )
        await self._finish(turn, result, failure)

    def _spent(self, usage: Usage, failure: Failure | None) -> Spent | None:
        """What a turn that failed has cost is not known, unless the agent was never reached."""
        if self._ways.cost is None:
            return None
        unheard = self._decoder is None and failure is not None and failure.code in NEVER_RAN
        known = failure is None or failure.code in UNCHARGED or not self._asked or unheard
        return Spent(amount=self._ways.cost(usage), unsure=not known)

    async def _finish(self, turn: Turn, result: TurnResult, failure: Failure | None) -> None:
        unwritten = True
        try:
            result = await finish(self._ways.turns, result)
            unwritten = False
            if failure is None and result.error_code is not None:
                failure = Failure(result.error_code)
        except DoorwardError as error:
            log.warning("turn_not_closed", turn=turn.id, code=error.code)
        finally:
            if unwritten:
                failure = Failure("store_unavailable")
                self.tail.end(StoreUnavailable(failure.sentence))
                self._ways.on_unwritten(result)
            else:
                self.tail.publish(result.events)
                self.tail.end()
            ended = replace(
                turn,
                status=_status(failure),
                finished_at=result.at,
                error_code=failure.code if failure else None,
                usage=result.usage,
            )
            self.ended.set_result(Outcome(turn=ended, content=result.content, failure=failure))

    def _closing_event(self, failure: Failure | None, usage: Usage) -> bytes:
        if failure is None:
            return agui.finished(self.job.new.session_id, self.job.new.turn_id, usage)
        return agui.failed(failure.code, failure.sentence)


def never_run(
    job: TurnJob, failure: Failure, at: float, cost: Callable[[Usage], Amount] | None, *, last_event: int = 1
) -> TurnResult:
    """The end of a turn for which no agent was asked: there is nothing to be paid."""
    return TurnResult(
        turn_id=job.new.turn_id,
        status=_status(failure),
        message_id=job.new.answer_id,
        content="",
        message_status=_message_status(failure, ""),
        at=at,
        events=(TurnEvent(last_event + 1, agui.failed(failure.code, failure.sentence)),),
        error_code=failure.code,
        spent=Spent(amount=cost(Usage())) if cost is not None else None,
    )


def _status(failure: Failure | None) -> TurnStatus:
    return TurnStatus.COMPLETED if failure is None else _STATUSES.get(failure.code, TurnStatus.FAILED)


def _message_status(failure: Failure | None, content: str) -> MessageStatus:
    if failure is None:
        return MessageStatus.COMPLETE
    if content or failure.code in _STATUSES:
        return MessageStatus.PARTIAL
    return MessageStatus.FAILED
