"""The chat service: starts turns, keeps the running ones, lets their owner follow, await and stop them.

Called by the front door's handlers. Refuses what is not the caller's with `NotFound`, whether it exists or not.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine

import structlog

from doorward.errors import DoorwardError, InvalidInput, NotFound, StoreUnavailable
from doorward.model.chat import Idempotency, Turn, TurnEvent, TurnResult, TurnStatus
from doorward.model.console import OpenTurn
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.conversations import ConversationStore, KeyedTurnStore
from doorward.ports.services import PLAIN, Answer, Sending, StartedTurn
from doorward.services.chat.equal_sends import EqualSends
from doorward.services.chat.failures import Failure
from doorward.services.chat.late import finish_later
from doorward.services.chat.names import EXCERPT, ModelNames, Naming
from doorward.services.chat.options import Asked, ChatOptions, job_left, new_job
from doorward.services.chat.places import LineOptions, Places
from doorward.services.chat.run import Outcome, TurnJob, TurnRun, TurnWays
from doorward.services.chat.sources import LeftRunning
from doorward.services.chat.stored import READ_BATCH, stored_events, stored_outcome
from doorward.services.invocation import Invoker
from doorward.telemetry.metrics import ACTIVE_TURNS, TOKENS, TURN_SECONDS, TURNS

log = structlog.get_logger()

STOP_SECONDS = 5.0
CLOSE_SECONDS = 5.0


class ChatService:
    """Fulfils `ports.services.Chat`. Make it inside the event loop; call `shutdown` before the loop ends.

    INVARIANT: a turn that was started goes on when its caller goes away, and ends only by itself, by `cancel`, by a
    newer message that interrupts it, by its time limit or by `shutdown`; a process that dies, or hands over, leaves it
    to the next one (`adopt`).
    """

    def __init__(
        self,
        turns: KeyedTurnStore,
        conversations: ConversationStore,
        invoker: Invoker,
        options: ChatOptions,
        clock: Clock,
    ) -> None:
        self._turns = turns
        self._invoker = invoker
        self._options = options
        self._clock = clock
        self._budget = options.budget
        self._ways = TurnWays(
            turns=turns,
            invoker=invoker,
            clock=clock,
            on_unwritten=self._try_again,
            cost=self._budget.cost if self._budget is not None else None,
            caps=options.caps,
        )
        self._names = None
        if options.titles_arn and options.meter is not None:
            self._names = ModelNames(conversations, invoker, options.titles_arn, options.meter)
        self._equal = EqualSends(turns, clock, ttl=options.idempotency_ttl, refuse=options.idempotency == "refuse")
        self._runs: dict[str, TurnRun] = {}
        self._chores: set[asyncio.Task[None]] = set()
        self._farewells: set[asyncio.Task[None]] = set()
        self._places = Places(
            options.turns_per_user,
            LineOptions(options.queue_length, options.queue_timeout),
            lambda place: [run for run in self._runs.values() if run.place == place],
            lambda run: self._stop(run, Failure("turn_superseded")),
        )
        self._closing = False

    @property
    def running(self) -> int:
        """How many turns run."""
        return len(self._runs)

    async def adopt(self) -> int:
        """At start-up, before anybody is served: go on with the turns that another process left running. What the
        runtime does not have any more ends as ``interrupted``, with what was stored of its answer. Returns how many."""
        left = await self._turns.open_turns()
        for turn in left:
            job = job_left(self._options, turn, self._clock())
            source = LeftRunning(turn, self._turns, self._invoker, job.new.answer_id)
            self._places.count(job.new.owner)
            run = TurnRun(job, self._ways, source)
            self._run(run, new=turn.first)
            await asyncio.wait({run.begun})
        return len(left)

    async def start(
        self, user: User, message: str, *, session_id: str | None, request_id: str, sending: Sending = PLAIN
    ) -> StartedTurn:
        if self._closing:
            raise _closing()
        on_busy = sending.on_busy or self._options.on_busy
        if sending.key is None:
            return await self._start(Asked(user, message, session_id, request_id, on_busy))

        async def begin(idempotency: Idempotency) -> StartedTurn:
            return await self._start(Asked(user, message, session_id, request_id, on_busy, idempotency))

        return await self._equal.start(user.key, sending.key, begin)

    async def _start(self, asked: Asked) -> StartedTurn:
        owner = asked.user.key
        if asked.session_id is not None and (asked.on_busy != "reject" or self._places.busy()):
            await self._places.free((owner, asked.session_id), asked.on_busy)
        else:
            self._places.take(owner)
        run = self._begin(asked)
        turn = await asyncio.shield(run.begun)
        return StartedTurn(turn_id=turn.id, session_id=turn.session_id, replayed=turn.id != run.job.new.turn_id)

    def _begin(self, asked: Asked) -> TurnRun:
        """The turn, which begins in a task of its own. Its user has a place for it."""
        try:
            job = self._job(asked)
        except DoorwardError:
            self._places.give((asked.user.key, asked.session_id or ""))
            raise
        # The turn's own task stores the message, so that a caller who goes away meanwhile leaves no turn half begun.
        run = TurnRun(job, self._ways)
        self._run(run, new=asked.session_id is None)
        self._places.begun(run)
        return run

    def _run(self, run: TurnRun, *, new: bool) -> None:
        self._runs[run.job.new.turn_id] = run
        ACTIVE_TURNS.inc()
        run.task.add_done_callback(lambda task: self._done(run, task, new_conversation=new))

    def _job(self, asked: Asked) -> TurnJob:
        if self._closing:
            raise _closing()
        return new_job(self._options, asked, self._clock())

    async def answer(self, user: User, turn_id: str) -> Answer:
        run = self._own_run(user, turn_id)
        outcome = await (asyncio.shield(run.ended) if run else self._stored_outcome(user, turn_id))
        if outcome.failure is not None:
            raise outcome.failure.error()
        turn = outcome.turn
        return Answer(response=outcome.content, session_id=turn.session_id, turn_id=turn.id, usage=turn.usage)

    async def events(self, user: User, turn_id: str, *, after: int) -> AsyncIterator[list[TurnEvent]]:
        if after < 0:
            raise InvalidInput("The number to read on from cannot be negative.", code="invalid_after")
        run = self._own_run(user, turn_id)
        if run is not None:
            return self._follow(run, after)
        await self._stored_turn(user, turn_id)
        return stored_events(self._turns, turn_id, after)

    async def turn(self, user: User, turn_id: str) -> Turn:
        return await self._stored_turn(user, turn_id)

    async def cancel(self, user: User, turn_id: str) -> Turn:
        run = self._own_run(user, turn_id)
        if run is None:
            return await self._stored_turn(user, turn_id)
        self._stop(run, Failure("turn_cancelled"))
        outcome = await asyncio.shield(run.ended)
        return outcome.turn

    def running_turns(self) -> list[OpenTurn]:
        """Fulfils `ports.operator.RunningTurns`."""
        return [_open_turn(run.job) for run in self._runs.values() if run.is_under_way]

    async def stop_turn(self, turn_id: str) -> Turn:
        """Fulfils `ports.operator.RunningTurns`."""
        run = self._runs.get(turn_id)
        if run is None or not run.is_under_way:
            raise NotFound("There is no such turn, or it has ended.")
        self._stop(run, Failure("turn_stopped"))
        return (await asyncio.shield(run.ended)).turn

    async def shutdown(self, grace: float, *, hand_over: bool = False) -> None:
        """Take no more turns; give the open ones `grace` seconds, then end them as ``interrupted`` with what they have.
        Those who follow get the closing event. With `hand_over` they are left as they are, for the next process."""
        self._closing = True
        self._places.close(_closing())
        tasks = {run.task for run in self._runs.values()}
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for run in list(self._runs.values()):
                if hand_over:
                    run.leave(_closing())
                else:
                    run.stop(Failure("turn_interrupted"))
            if late:
                await asyncio.wait(late, timeout=CLOSE_SECONDS)
        if self._names is not None:
            await self._names.close()
        if self._farewells:
            await asyncio.wait(self._farewells, timeout=STOP_SECONDS)
        for chore in list(self._chores):
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)

    def _own_run(self, user: User, turn_id: str) -> TurnRun | None:
        run = self._runs.get(turn_id)
        return run if run is not None and run.job.new.owner == user.key and run.begun.done() else None

    async def _stored_turn(self, user: User, turn_id: str) -> Turn:
        turn = await self._turns.get(user.key, turn_id)
        if turn is None:
            raise NotFound("There is no such turn.")
        return turn

    async def _stored_outcome(self, user: User, turn_id: str) -> Outcome:
        turn = await self._stored_turn(user, turn_id)
        if turn.status is TurnStatus.RUNNING:  # in no one's hands: its end could not be stored yet
            raise StoreUnavailable("The end of this turn is not stored yet.")
        return await stored_outcome(self._turns, turn)

    async def _follow(self, run: TurnRun, after: int) -> AsyncIterator[list[TurnEvent]]:
        tail = run.tail
        while True:
            batch = tail.after(after)
            if batch is None:
                batch = await self._turns.events(run.job.new.turn_id, after=after, limit=READ_BATCH)
            if batch:
                after = batch[-1].sequence
                yield batch
            elif tail.ended:
                break
            elif not await tail.changed(self._options.heartbeat):
                yield []
        if tail.problem is not None:
            raise tail.problem

    def _done(self, run: TurnRun, task: asyncio.Task[None], *, new_conversation: bool) -> None:
        turn_id = run.job.new.turn_id
        self._runs.pop(turn_id, None)
        if run.cut_short:  # nobody reads it, and it would run on
            self._tell(run)
        self._places.give(run.place)
        ACTIVE_TURNS.dec()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error("turn_broke", turn=turn_id, error=type(error).__name__)
        for promise in (run.begun, run.ended):
            if not promise.done():
                promise.set_exception(DoorwardError("Something went wrong on our side."))
                promise.exception()  # seen: there may be nobody who waits for it
        if run.begun.exception() is not None or run.ended.exception() is not None:
            run.tail.end()
            return
        outcome = run.ended.result()
        _count(outcome.turn)
        log.debug("turn_ended", turn=turn_id, status=str(outcome.turn.status), code=outcome.turn.error_code)
        if self._names is not None and outcome.failure is None and outcome.content and not self._closing:
            self._names.begin(_naming(run, outcome, new=new_conversation))

    def _stop(self, run: TurnRun, reason: Failure) -> None:
        run.stop(reason)
        self._tell(run)

    def _tell(self, run: TurnRun) -> None:
        """Tell the agent's side, once, that it can stop."""
        if run.agent_told:
            return
        run.agent_told = True
        farewell = self._chore(self._stop_agent(run))
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)
        self._places.stopping(run.place, farewell)

    async def _stop_agent(self, run: TurnRun) -> None:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._invoker.stop(run.errand)
        except (DoorwardError, TimeoutError) as error:
            log.warning("agent_not_stopped", error=type(error).__name__)

    def _try_again(self, result: TurnResult) -> None:
        if not self._closing:
            self._chore(self._end_later(result))

    async def _end_later(self, result: TurnResult) -> None:
        await finish_later(self._turns, result)

    def _chore(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
        return task


def _closing() -> StoreUnavailable:
    return StoreUnavailable("The service is shutting down.", code="server_closing")


def _count(turn: Turn) -> None:
    TURNS.labels(turn.status.value).inc()
    TURN_SECONDS.observe((turn.finished_at or turn.started_at) - turn.started_at)
    if turn.usage.input_tokens or turn.usage.output_tokens:
        TOKENS.labels("input").inc(turn.usage.input_tokens)
        TOKENS.labels("output").inc(turn.usage.output_tokens)


def _open_turn(job: TurnJob) -> OpenTurn:
    return OpenTurn(
        turn_id=job.new.turn_id,
        session_id=job.new.session_id,
        owner=job.new.owner,
        username=job.user.username,
        started_at=job.new.at,
        request_id=job.new.request_id,
    )


def _naming(run: TurnRun, outcome: Outcome, *, new: bool) -> Naming:
    job = run.job
    return Naming(
        user=job.user,
        session_id=job.new.session_id,
        turn_id=job.new.turn_id,
        request_id=job.new.request_id,
        message=job.new.message[:EXCERPT],
        answer=outcome.content[:EXCERPT],
        new=new,
    )
