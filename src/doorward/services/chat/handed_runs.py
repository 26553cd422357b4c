"""Runs the turns that `handed` began: once each, to their end, in a process that lives for one of them."""

import asyncio
from collections.abc import Callable
from functools import partial

import structlog
from msgspec.structs import replace

from doorward.errors import DoorwardError
from doorward.model.chat import OpenTurn, TurnResult
from doorward.ports.functions import Marks
from doorward.services.chat.failures import Failure
from doorward.services.chat.handed import HandedTurn, cancelled
from doorward.services.chat.late import finish_later
from doorward.services.chat.options import ChatOptions, job_left
from doorward.services.chat.run import TurnJob, TurnRun, TurnWays, never_run
from doorward.services.chat.sources import LeftRunning, Source, Stored
from doorward.services.invocation import Errand, Invoker
from doorward.services.marked_places import GRACE, MarkedPlaces

log = structlog.get_logger()

LOOK_FOR_CANCEL = 0.5
STOP_SECONDS = 5.0
# What is kept of a function's time for closing the turn, in seconds.
CLOSING_SECONDS = 20.0


class HandedRuns:
    """`ways` makes the turns' ways from what is to be done with a result that the store refused."""

    def __init__(
        self, ways: Callable[[Callable[[TurnResult], None]], TurnWays], marks: Marks, options: ChatOptions
    ) -> None:
        self._ways = ways
        self._marks = marks
        self._places = MarkedPlaces(marks)
        self._options = options

    async def run(self, handed: HandedTurn, *, deadline: float) -> None:
        """Run it to its end, or until so near the `deadline` (seconds since 1970) that it can just be closed.

        INVARIANT: a turn runs once, however often its event comes: Lambda promises at least once, and no more.
        """
        turn_id = handed.job.new.turn_id
        late = _Late()
        ways = self._ways(late.add)
        now = ways.clock()
        try:
            mine = await self._take(turn_id, now + handed.job.timeout + GRACE * 10)
        except DoorwardError:
            await self._places.give(handed.place)
            raise
        if not mine:
            log.warning("turn_handed_twice", turn=turn_id)
            return
        try:
            left = max(1.0, min(handed.job.timeout, deadline - now - CLOSING_SECONDS))
            job = _within(handed.job, left)
            await self._to_the_end(job, ways, Stored(job.new, ways.turns, ways.invoker))
            await late.unwritten(ways)
        finally:
            await self._places.give(handed.place)

    async def _take(self, turn_id: str, until: float) -> bool:
        """Whether it is ours to run, or to close: of all who ask, one is told so."""
        return await self._marks.take(f"run/{turn_id}", until=until) is not None

    async def sweep(self, *, lost_after: float, untaken_after: float, deadline: float) -> int:
        """Close the turns that began `lost_after` seconds ago and still run: whoever ran them is gone. So do those that
        nobody has begun to run after `untaken_after`, and nobody does any more. Returns how many were closed; the
        others are left for the next time, and so is what it does not come to before the `deadline` (seconds since
        1970)."""
        late = _Late()
        ways = self._ways(late.add)
        closed = 0
        for turn in await ways.turns.open_turns():
            now = ways.clock()
            if now >= deadline:
                log.warning("sweep_not_finished")
                break
            age = now - turn.turn.started_at
            if age > lost_after:
                log.warning("turn_lost", turn=turn.turn.id)
                closed += await self._close(turn, ways)
            elif age > untaken_after and await self._take(turn.turn.id, now + lost_after):
                log.warning("turn_not_taken", turn=turn.turn.id)
                closed += await self._close_untaken(turn, ways)
        return closed - await late.unwritten(ways)

    async def _close(self, left: OpenTurn, ways: TurnWays) -> bool:
        job = job_left(self._options, left, ways.clock())
        resumes = self._options.keep > 0
        source: Source = LeftRunning(left, ways.turns, ways.invoker, job.new.answer_id, resumes=resumes)
        return await self._to_the_end(job, ways, source)

    async def _close_untaken(self, left: OpenTurn, ways: TurnWays) -> bool:
        """No agent was asked, so that there is none to stop, and nothing to be paid."""
        now = ways.clock()
        job = job_left(self._options, left, now)
        result = never_run(job, Failure("turn_interrupted"), now, ways.cost, last_event=left.last_event)
        try:
            await ways.turns.finish(result)
        except DoorwardError as error:
            log.warning("turn_not_closed", turn=left.turn.id, code=error.code)
            ways.on_unwritten(result)
        return True

    async def _to_the_end(self, job: TurnJob, ways: TurnWays, source: Source) -> bool:
        """Whether it has one: in the store, or in what is written late.

        INVARIANT: the agent is stopped before the conversation is free for its next turn, which a stop would hit.
        """
        run = TurnRun(job, replace(ways, before_end=partial(_tell_agent, ways.invoker)), source)
        watch = asyncio.create_task(self._watch(run))
        try:
            await asyncio.wait({run.task})
        finally:
            watch.cancel()
        error = None if run.task.cancelled() else run.task.exception()
        if error is not None:
            log.error("turn_broke", turn=run.job.new.turn_id, error=type(error).__name__)
        return error is None and _has_ended(run)

    async def _watch(self, run: TurnRun) -> None:
        """Stop it when its owner says so."""
        while True:
            await asyncio.sleep(LOOK_FOR_CANCEL)
            try:
                if await self._marks.taken(cancelled(run.job.new.turn_id)):
                    run.stop(Failure("turn_cancelled"))
                    return
            except DoorwardError as error:
                log.warning("cancel_not_looked_for", turn=run.job.new.turn_id, code=error.code)


class _Late:
    """Results that the store refused; they are tried again before the function ends."""

    def __init__(self) -> None:
        self._results: list[TurnResult] = []

    def add(self, result: TurnResult) -> None:
        self._results.append(result)

    async def unwritten(self, ways: TurnWays) -> int:
        """Write them now; how many are left."""
        written = 0
        try:
            async with asyncio.timeout(CLOSING_SECONDS / 2):
                for result in self._results:
                    written += await finish_later(ways.turns, result)
        except TimeoutError:
            log.exception("turn_left_open")
        return len(self._results) - written


def _has_ended(run: TurnRun) -> bool:
    """Says why it could not even begin to be closed, when that is so."""
    if not run.begun.done() or run.begun.cancelled():
        return False
    refused = run.begun.exception()
    if refused is not None:
        code = refused.code if isinstance(refused, DoorwardError) else type(refused).__name__
        log.warning("turn_not_run", turn=run.job.new.turn_id, code=code)
        return False
    return run.ended.done() and run.ended.exception() is None


async def _tell_agent(invoker: Invoker, errand: Errand) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await invoker.stop(errand)
    except (DoorwardError, TimeoutError) as error:
        log.warning("agent_not_stopped", error=type(error).__name__)


def _within(job: TurnJob, seconds: float) -> TurnJob:
    return TurnJob(
        user=job.user,
        new=job.new,
        agent=job.agent,
        timeout=seconds,
        max_answer_bytes=job.max_answer_bytes,
        keep=job.keep,
    )
