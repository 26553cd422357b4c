"""Runs the turns that `handed` began: once each, to their end, in a process that lives for one of them."""

import asyncio
from collections.abc import Callable

import structlog

from doorward.errors import DoorwardError
from doorward.model.chat import OpenTurn, TurnResult
from doorward.ports.functions import Marks
from doorward.services.chat.failures import Failure
from doorward.services.chat.handed import GRACE, HandedTurn, cancelled
from doorward.services.chat.late import finish_later
from doorward.services.chat.options import ChatOptions, job_left
from doorward.services.chat.run import TurnJob, TurnRun, TurnWays
from doorward.services.chat.sources import LeftRunning, Source, Stored

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
        self._options = options

    async def run(self, handed: HandedTurn, *, deadline: float) -> None:
        """Run it to its end, or until so near the `deadline` (seconds since 1970) that it can just be closed.

        INVARIANT: a turn runs once, however often its event comes: Lambda promises at least once, and no more.
        """
        turn_id = handed.job.new.turn_id
        late = _Late()
        ways = self._ways(late.add)
        now = ways.clock()
        if not await self._marks.take(f"run/{turn_id}", until=now + handed.job.timeout + GRACE * 10):
            log.warning("turn_handed_twice", turn=turn_id)
            return
        try:
            left = max(1.0, min(handed.job.timeout, deadline - now - CLOSING_SECONDS))
            job = _within(handed.job, left)
            run = TurnRun(job, ways, Stored(job.new, ways.turns, ways.invoker))
            await self._to_the_end(run, ways)
        finally:
            if handed.place:
                await self._marks.give(handed.place)
        await late.written(ways)

    async def sweep(self, *, lost_after: float) -> int:
        """Close the turns that began so many seconds ago and still run: whoever ran them is gone. Returns how many."""
        late = _Late()
        ways = self._ways(late.add)
        now = ways.clock()
        lost = [turn for turn in await ways.turns.open_turns() if now - turn.turn.started_at > lost_after]
        for turn in lost:
            log.warning("turn_lost", turn=turn.turn.id)
            await self._close(turn, ways)
        await late.written(ways)
        return len(lost)

    async def _close(self, left: OpenTurn, ways: TurnWays) -> None:
        job = job_left(self._options, left, ways.clock())
        source: Source = LeftRunning(left, ways.turns, ways.invoker, job.new.answer_id)
        await self._to_the_end(TurnRun(job, ways, source), ways)

    async def _to_the_end(self, run: TurnRun, ways: TurnWays) -> None:
        watch = asyncio.create_task(self._watch(run))
        try:
            await asyncio.wait({run.task})
        finally:
            watch.cancel()
        if run.cut_short:
            await _tell_agent(run, ways)
        error = None if run.task.cancelled() else run.task.exception()
        if error is not None:
            log.error("turn_broke", turn=run.job.new.turn_id, error=type(error).__name__)

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

    async def written(self, ways: TurnWays) -> None:
        try:
            async with asyncio.timeout(CLOSING_SECONDS / 2):
                for result in self._results:
                    await finish_later(ways.turns, result)
        except TimeoutError:
            log.exception("turn_left_open")


async def _tell_agent(run: TurnRun, ways: TurnWays) -> None:
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await ways.invoker.stop(run.errand)
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
