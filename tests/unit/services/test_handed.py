"""Turns that are begun in one function and run in another, over the real store."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog.testing
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.unit.services.house import AGENT, ANNA, BEN, INVOKER, Script, ScriptedAgent, delta, sse

from doorward.errors import (
    AgentUnreachable,
    Conflict,
    InvalidInput,
    NotFound,
    StoreUnavailable,
    TooManyRequests,
    TurnContinues,
)
from doorward.identity.turn_tokens import SignedTurnTokens
from doorward.model.chat import NewTurn, Turn, TurnEvent, TurnResult, TurnStatus
from doorward.model.settings import BudgetSettings
from doorward.ports.conversations import KeyedTurnStore
from doorward.ports.functions import Marks
from doorward.ports.services import Sending, SendKey
from doorward.services.budget import Budget, Prices
from doorward.services.chat.handed import HandedChat, HandedOptions, HandedTurn, Parts
from doorward.services.chat.handed_runs import HandedRuns
from doorward.services.chat.options import ChatOptions
from doorward.services.chat.run import TurnWays
from doorward.services.invocation import Invoker
from doorward.stores.sqlite.open import GatewayStores, open_gateway

pytestmark = pytest.mark.anyio

KEYED = Sending(key=SendKey(route="r", key="one", body=b"hello"))
SLOW = HandedOptions(answer_within=0.2, wait_within=0.2, poll=0.05, streams_per_user=2)


LATER = time.time() + 3600


class Runner:
    """Where turns are handed to: kept, until the test runs them."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.refuses = False

    async def begin(self, event: bytes) -> None:
        if self.refuses:
            raise AgentUnreachable("No.")
        self.events.append(event)

    def handed(self) -> HandedTurn:
        return msgspec.json.decode(self.events[-1], type=dict[str, HandedTurn])["turn"]


class Functions:
    """A chat function and a turns function that share a store."""

    def __init__(self, stores: GatewayStores) -> None:
        self.stores = stores
        self.agent = ScriptedAgent()
        self.runner = Runner()
        tokens = SignedTurnTokens("house", Ed25519PrivateKey.generate(), time.time)
        self.invoker = Invoker(self.agent, tokens, INVOKER, time.time)
        self.options = ChatOptions(agent_arn=AGENT, turn_timeout=60.0, turns_per_user=2, heartbeat=60.0)
        self.runs = HandedRuns(self.ways, stores.marks, self.options)

    def chat(self, handed: HandedOptions = SLOW) -> HandedChat:
        """A new one each time: a function keeps nothing."""
        parts = Parts(turns=self.stores.turns, marks=self.stores.marks, runner=self.runner, clock=time.time)
        return HandedChat(parts, self.options, handed)

    def ways(self, on_unwritten: Callable[[TurnResult], None]) -> TurnWays:
        return TurnWays(turns=self.stores.turns, invoker=self.invoker, clock=time.time, on_unwritten=on_unwritten)

    async def run(self) -> None:
        await self.runs.run(self.runner.handed(), deadline=time.time() + 60)


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Functions]:
    stores = open_gateway(tmp_path / "gateway.db")
    yield Functions(stores)
    stores.close()


async def begun(there: Functions, message: str = "hello", session_id: str | None = None) -> str:
    started = await there.chat().start(ANNA, message, session_id=session_id, request_id="r")
    return started.turn_id


async def test_a_turn_goes_on_while_the_request_ends_and_its_answer_is_there_later(there: Functions) -> None:
    there.agent.answer = lambda _: Script(sse(delta("Hel"), delta("lo")))
    turn_id = await begun(there)
    with pytest.raises(TurnContinues):
        await there.chat().answer(ANNA, turn_id)
    await there.run()
    assert (await there.chat().answer(ANNA, turn_id)).response == "Hello"


async def test_the_event_holds_what_the_turn_needs_and_no_key_of_its_sender(there: Functions) -> None:
    await begun(there, "what time is it")
    handed = there.runner.handed()
    assert handed.job.new.message == "what time is it"
    assert handed.job.user.subject == "anna"
    assert handed.job.new.idempotency is None
    assert handed.job.new.reservation is None


async def test_an_event_that_comes_twice_runs_the_agent_once(there: Functions) -> None:
    turn_id = await begun(there)
    await asyncio.gather(there.run(), there.run())
    await there.run()
    assert len(there.agent.calls) == 1
    assert (await there.chat().turn(ANNA, turn_id)).status is TurnStatus.COMPLETED


async def test_a_turn_that_was_deleted_or_ended_meanwhile_is_not_run(there: Functions) -> None:
    there.runner.refuses = True
    with pytest.raises(AgentUnreachable):
        await begun(there)
    there.runner.refuses = False
    turn_id = await begun(there)
    event = there.runner.handed()
    gone = msgspec.structs.replace(event.job.new, turn_id="nowhere")
    await there.runs.run(
        msgspec.structs.replace(event, job=msgspec.structs.replace(event.job, new=gone)), deadline=time.time() + 60
    )
    assert there.agent.calls == []
    assert (await there.chat().turn(ANNA, turn_id)).status is TurnStatus.RUNNING


async def test_a_turn_that_nobody_takes_is_closed_and_the_conversation_is_free(there: Functions) -> None:
    there.runner.refuses = True
    with pytest.raises(AgentUnreachable):
        await begun(there, session_id="s" * 36)
    there.runner.refuses = False
    turn_id = await begun(there, session_id="s" * 36)
    await there.run()
    assert (await there.chat().turn(ANNA, turn_id)).status is TurnStatus.COMPLETED


async def test_places_are_counted_in_the_store_and_given_back_at_the_end(there: Functions) -> None:
    """AP-LIM-04: each request has a function of its own, so nothing can be counted in it."""
    first = await begun(there)
    event = there.runner.handed()
    await begun(there)
    with pytest.raises(TooManyRequests) as caught:
        await begun(there)
    assert caught.value.code == "too_many_turns"
    await there.chat().start(BEN, "hello", session_id=None, request_id="r")
    await there.runs.run(event, deadline=time.time() + 60)
    assert (await there.chat().turn(ANNA, first)).status is TurnStatus.COMPLETED
    await begun(there)


async def test_a_send_that_begins_no_turn_leaves_no_place_taken(there: Functions) -> None:
    """AP-LIM-04: whether it is refused, is for a busy conversation, or is an equal send that came second."""
    there.runner.refuses = True
    for _ in range(3):
        with pytest.raises(AgentUnreachable):
            await begun(there)
    there.runner.refuses = False
    sends = (there.chat().start(ANNA, "hello", session_id="s" * 36, request_id="r", sending=KEYED) for _ in range(2))
    assert sorted(started.replayed for started in await asyncio.gather(*sends)) == [False, True]
    for _ in range(3):
        with pytest.raises(Conflict):
            await begun(there, session_id="s" * 36)
    await begun(there)
    with pytest.raises(TooManyRequests):
        await begun(there)


async def test_a_turn_is_closed_in_the_time_that_its_function_has_left(there: Functions) -> None:
    """Twenty seconds of it are kept for that: Lambda ends a function without a word."""
    there.agent.answer = lambda _: Script(sse(delta("So far")), asyncio.Event())
    turn_id = await begun(there)
    async with asyncio.timeout(15):
        await there.runs.run(there.runner.handed(), deadline=time.time() + 21)
    turn = await there.chat().turn(ANNA, turn_id)
    assert (turn.status, turn.error_code) == (TurnStatus.FAILED, "agent_timeout")


async def test_streams_are_counted_too_and_a_reader_who_goes_gives_the_place_back(there: Functions) -> None:
    turn_id = await begun(there)
    open_streams = [await there.chat().events(ANNA, turn_id, after=0) for _ in range(2)]
    assert [(await anext(stream))[0].sequence for stream in open_streams] == [1, 1]
    with pytest.raises(TooManyRequests):
        await there.chat().events(ANNA, turn_id, after=0)
    await open_streams[0].aclose()  # type: ignore[attr-defined]
    await (await there.chat().events(ANNA, turn_id, after=0)).aclose()  # type: ignore[attr-defined]
    await open_streams[1].aclose()  # type: ignore[attr-defined]


async def test_a_stream_ends_open_at_its_time_and_whole_when_the_turn_has_ended(there: Functions) -> None:
    turn_id = await begun(there)
    first = [event async for batch in await there.chat().events(ANNA, turn_id, after=0) for event in batch]
    assert [event.sequence for event in first] == [1]
    await there.run()
    rest = [event async for batch in await there.chat().events(ANNA, turn_id, after=1) for event in batch]
    assert [event.sequence for event in rest] == list(range(2, 2 + len(rest)))
    assert b"RUN_FINISHED" in rest[-1].data


class Talkative:
    """Turns of which there is something new at each look."""

    def __init__(self, turns: KeyedTurnStore) -> None:
        self._turns = turns
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._turns, name)

    async def events(self, turn_id: str, *, after: int, limit: int) -> list[TurnEvent]:
        self.looks += 1
        await self._turns.append_events(turn_id, [TurnEvent(self.looks + 1, b'{"type":"CUSTOM"}')])
        return await self._turns.events(turn_id, after=after, limit=limit)


async def test_a_turn_that_says_something_all_the_time_is_looked_at_no_more_often_and_ends_in_time(
    there: Functions,
) -> None:
    """AP-WALLET: each look costs, and the gateway waits no longer for a turn that goes on."""
    turn_id = await begun(there)
    turns = Talkative(there.stores.turns)
    parts = Parts(turns=turns, marks=there.stores.marks, runner=there.runner, clock=time.time)  # type: ignore[arg-type]
    async with asyncio.timeout(15):
        stream = await HandedChat(parts, there.options, SLOW).events(ANNA, turn_id, after=0)
        read = [event async for batch in stream for event in batch]
    assert [event.sequence for event in read] == list(range(1, turns.looks + 2))
    assert turns.looks <= SLOW.answer_within / SLOW.poll + 1


async def test_a_cancelled_turn_ends_with_what_it_has_and_the_agent_is_told(there: Functions) -> None:
    waits = asyncio.Event()
    there.agent.answer = lambda _: Script(sse(delta("So far")), waits)
    turn_id = await begun(there)
    running = asyncio.create_task(there.run())
    async with asyncio.timeout(30):
        turn = await there.chat().cancel(ANNA, turn_id)
        await running
    assert turn.status is TurnStatus.CANCELLED
    assert len(there.agent.stopped) == 1


async def test_what_is_anothers_is_not_there(there: Functions) -> None:
    turn_id = await begun(there)
    for asked in (
        there.chat().turn(BEN, turn_id),
        there.chat().events(BEN, turn_id, after=0),
        there.chat().answer(BEN, turn_id),
        there.chat().cancel(BEN, turn_id),
    ):
        with pytest.raises(NotFound):
            await asked


async def test_a_busy_conversation_refuses_or_waits_and_cannot_be_interrupted_here(there: Functions) -> None:
    session = "s" * 36
    await begun(there, session_id=session)
    with pytest.raises(Conflict) as refused:
        await begun(there, session_id=session)
    assert refused.value.code == "turn_active"
    for on_busy, kind in (("enqueue", Conflict), ("interrupt", InvalidInput)):
        with pytest.raises(kind):
            await there.chat().start(
                ANNA, "hello", session_id=session, request_id="r", sending=Sending(on_busy=on_busy)
            )


async def test_so_many_wait_for_a_busy_conversation_and_the_next_is_told(there: Functions) -> None:
    """AP-LIM-04: counted by all functions together, and a place in the line is free again when its holder leaves."""
    there.options = msgspec.structs.replace(there.options, queue_length=2, turns_per_user=None)
    session, patient = "s" * 36, HandedOptions(answer_within=0.2, wait_within=20.0, poll=0.02, streams_per_user=2)
    await begun(there, session_id=session)
    running = there.runner.handed()

    def waits() -> asyncio.Task[Any]:
        sending = Sending(on_busy="enqueue")
        start = there.chat(patient).start(ANNA, "hello", session_id=session, request_id="r", sending=sending)
        return asyncio.create_task(start)

    async def in_line(number: int) -> None:
        for _ in range(1000):
            if await there.stores.marks.taken(f"queue/{ANNA.key}/{session}/{number}"):
                return
            await asyncio.sleep(0.01)
        pytest.fail(f"nobody is in place {number}")

    first = waits()
    await in_line(0)
    leaves = waits()
    await in_line(1)
    with pytest.raises(TooManyRequests) as refused:
        await waits()
    assert refused.value.code == "turn_queue_full"
    leaves.cancel()
    await asyncio.wait({leaves})
    assert not await there.stores.marks.taken(f"queue/{ANNA.key}/{session}/1")
    second = waits()
    await in_line(1)
    await there.runs.run(running, deadline=time.time() + 60)
    done, _ = await asyncio.wait({first, second}, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    assert len(done) == 1
    await there.run()
    async with asyncio.timeout(10):
        await asyncio.gather(first, second)


async def test_a_lost_turn_is_closed_by_the_sweep_and_one_that_still_runs_is_left(there: Functions) -> None:
    turn_id = await begun(there)
    assert await there.runs.sweep(lost_after=60.0, untaken_after=60.0, deadline=LATER) == 0
    assert await there.runs.sweep(lost_after=0.0, untaken_after=60.0, deadline=LATER) == 1
    turn = await there.chat().turn(ANNA, turn_id)
    assert (turn.status, turn.error_code) == (TurnStatus.INTERRUPTED, "turn_interrupted")
    assert there.agent.calls == []


async def test_a_turn_that_nobody_took_is_closed_long_before_one_that_somebody_runs_and_not_run_later(
    there: Functions,
) -> None:
    taken = await begun(there)
    assert await there.stores.marks.take(f"run/{taken}", until=time.time() + 60)
    untaken = await begun(there)
    handed = there.runner.handed()
    assert await there.runs.sweep(lost_after=60.0, untaken_after=0.0, deadline=LATER) == 1
    await there.runs.run(handed, deadline=time.time() + 60)
    assert [(await there.chat().turn(ANNA, turn_id)).status for turn_id in (taken, untaken)] == [
        TurnStatus.RUNNING,
        TurnStatus.INTERRUPTED,
    ]
    assert (there.agent.calls, there.agent.resumed, there.agent.stopped) == ([], [], []), "nobody ran it"


async def test_a_turn_that_nobody_took_costs_nothing_of_a_budget(there: Functions) -> None:
    limits = BudgetSettings(user_tokens_per_day=10_000, reserve_tokens=4000)
    budget = Budget(limits, Prices({}), "rehearsal")
    there.options = msgspec.structs.replace(there.options, budget=budget)
    await begun(there)
    day = budget.day(time.time())
    assert (await there.stores.budgets.used(ANNA.key, day=day)).tokens == 4000
    runs = HandedRuns(
        lambda late: msgspec.structs.replace(there.ways(late), cost=budget.cost), there.stores.marks, there.options
    )
    assert await runs.sweep(lost_after=60.0, untaken_after=0.0, deadline=LATER) == 1
    assert (await there.stores.budgets.used(ANNA.key, day=day)).tokens == 0


async def test_a_sweep_that_is_late_leaves_the_rest_for_the_next_one(there: Functions) -> None:
    turn_id = await begun(there)
    assert await there.runs.sweep(lost_after=-1.0, untaken_after=0.0, deadline=time.time() - 1) == 0
    assert (await there.chat().turn(ANNA, turn_id)).status is TurnStatus.RUNNING


async def test_the_agent_is_stopped_before_its_conversation_is_free_for_the_next_turn(there: Functions) -> None:
    """A stop ends all that runs in the session, the next turn too."""
    waits, seen = asyncio.Event(), list[TurnStatus]()
    there.agent.answer = lambda _: Script(sse(delta("So far")), waits)
    turn_id = await begun(there)
    stop = there.agent.stop

    async def looks_first(*told: Any, **more: Any) -> None:
        seen.append((await there.chat().turn(ANNA, turn_id)).status)
        await stop(*told, **more)

    there.agent.stop = looks_first  # type: ignore[method-assign]
    running = asyncio.create_task(there.run())
    async with asyncio.timeout(30):
        await there.chat().cancel(ANNA, turn_id)
        await running
    assert seen == [TurnStatus.RUNNING]


class CountedTurns(Talkative):
    """The turns of a house; how often it was tried to begin one."""

    tries = 0

    async def begin(self, turn: NewTurn) -> Turn:
        self.tries += 1
        return await self._turns.begin(turn)


async def test_who_waits_in_line_asks_less_and_less_often(there: Functions) -> None:
    """With `chat.memory` each try writes its text and takes it back."""
    await begun(there, session_id="s" * 36)
    turns = CountedTurns(there.stores.turns)
    parts = Parts(turns=turns, marks=there.stores.marks, runner=there.runner, clock=time.time)  # type: ignore[arg-type]
    waiting = HandedOptions(answer_within=0.2, wait_within=2.0, poll=0.02, streams_per_user=2)
    with pytest.raises(Conflict):
        await HandedChat(parts, there.options, waiting).start(
            ANNA, "hello", session_id="s" * 36, request_id="r", sending=Sending(on_busy="enqueue")
        )
    assert turns.tries <= 12


class NoMarks:
    """A store that does not answer."""

    async def take(self, name: str, *, until: float) -> str | None:
        raise StoreUnavailable("The store does not answer.")

    async def taken(self, name: str) -> bool:
        raise StoreUnavailable("The store does not answer.")

    async def give(self, name: str, by: str) -> None:
        raise StoreUnavailable("The store does not answer.")


async def test_without_marks_no_turn_begins_and_none_is_run(there: Functions) -> None:
    """AP-LIM-03: the port fails closed."""
    await begun(there)
    parts = Parts(turns=there.stores.turns, marks=NoMarks(), runner=there.runner, clock=time.time)
    chat = HandedChat(parts, there.options, SLOW)
    with pytest.raises(StoreUnavailable):
        await chat.start(ANNA, "hello", session_id=None, request_id="r")
    with pytest.raises(StoreUnavailable):
        await HandedRuns(there.ways, NoMarks(), there.options).run(there.runner.handed(), deadline=time.time() + 60)
    assert len(there.runner.events) == 1
    assert there.agent.calls == []


class NoRuns:
    """Marks that do not answer when a turn is to be run."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    async def taken(self, name: str) -> bool:
        return await self._marks.taken(name)

    async def give(self, name: str, by: str) -> None:
        await self._marks.give(name, by)

    async def take(self, name: str, *, until: float) -> str | None:
        if name.startswith("run/"):
            raise StoreUnavailable("The store does not answer.")
        return await self._marks.take(name, until=until)


async def test_a_place_is_given_back_when_its_turn_can_be_neither_run_nor_closed(there: Functions) -> None:
    await begun(there)
    handed = there.runner.handed()
    place = handed.place.partition("@")[2]
    assert await there.stores.marks.taken(place)
    with pytest.raises(StoreUnavailable):
        await HandedRuns(there.ways, NoRuns(there.stores.marks), there.options).run(handed, deadline=LATER)
    assert not await there.stores.marks.taken(place)
    there.runner.refuses = True
    turns = BrokenTurns(there.stores.turns)
    turns.refused = {"finish": 1}
    parts = Parts(turns=turns, marks=there.stores.marks, runner=there.runner, clock=time.time)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        await HandedChat(parts, there.options, SLOW).start(ANNA, "hello", session_id=None, request_id="r")
    assert not await there.stores.marks.taken(place)


class BrokenAtTheEnd:
    """Marks that answer until a turn has ended."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks

    async def take(self, name: str, *, until: float) -> str | None:
        return await self._marks.take(name, until=until)

    async def taken(self, name: str) -> bool:
        return await self._marks.taken(name)

    async def give(self, name: str, by: str) -> None:
        raise StoreUnavailable("The store does not answer.")


class BrokenTurns:
    """The turns of a house; `refused` says what they refuse, and how often."""

    def __init__(self, turns: KeyedTurnStore) -> None:
        self._turns = turns
        self.refused: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        if self.refused.get(name, 0):
            self.refused[name] -= 1
            return self._refuse
        return getattr(self._turns, name)

    async def _refuse(self, *_: object, **__: object) -> None:
        raise StoreUnavailable("The store does not answer.")


def with_turns(there: Functions, turns: BrokenTurns) -> Callable[[Callable[[TurnResult], None]], TurnWays]:
    """The ways of a turn over these."""
    return lambda late: msgspec.structs.replace(there.ways(late), turns=turns)


async def test_a_store_that_is_away_at_the_end_of_a_turn_leaves_its_end_for_later(there: Functions) -> None:
    turn_id = await begun(there)
    turns = BrokenTurns(there.stores.turns)
    turns.refused = {"finish": 2}
    runs = HandedRuns(with_turns(there, turns), BrokenAtTheEnd(there.stores.marks), there.options)
    await runs.run(there.runner.handed(), deadline=time.time() + 60)
    assert (await there.chat().turn(ANNA, turn_id)).status is TurnStatus.COMPLETED


async def test_a_lost_turn_that_cannot_be_closed_now_is_left_for_the_next_sweep_and_not_counted(
    there: Functions,
) -> None:
    turn_id = await begun(there)
    turns = BrokenTurns(there.stores.turns)
    turns.refused = {"events": 1}
    runs = HandedRuns(with_turns(there, turns), there.stores.marks, there.options)
    with structlog.testing.capture_logs() as logs:
        assert await runs.sweep(lost_after=-1.0, untaken_after=60.0, deadline=LATER) == 0
    assert {"turn_not_run"} <= {entry["event"] for entry in logs}
    assert await runs.sweep(lost_after=-1.0, untaken_after=60.0, deadline=LATER) == 1
    assert (await there.chat().turn(ANNA, turn_id)).status is TurnStatus.INTERRUPTED
