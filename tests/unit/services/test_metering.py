"""Charges for calls that are no stored turns: the relay, the names, and whoever knocks at the agent door themselves."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.unit.services.house import AGENT, ANNA, BEN, TITLES, House, Script, Step, opened, sse

from doorward.errors import AgentFailed, AgentUnreachable, StoreUnavailable, TooManyRequests
from doorward.model.agent import AgentCall, AgentReply
from doorward.model.budget import Amount
from doorward.model.principals import Principal, TurnIdentity, Workload
from doorward.model.settings import BudgetSettings
from doorward.services.budget import Budget, Prices
from doorward.services.caps import Caps
from doorward.services.metered_runtime import MeteredRuntime
from doorward.services.metering import Meter
from doorward.services.relay import RelayOptions, RelayService

pytestmark = pytest.mark.anyio

LIMITED = BudgetSettings(
    user_tokens_per_day=1000, workload_tokens_per_day=500, reserve_tokens=400, reserve_name_tokens=300
)
BUDGET = Budget(LIMITED, Prices({}), "unknown")
CAPS = Caps(steps=5, ceiling=Amount(600), cost=BUDGET.cost)
ROBOT = Workload(key_id="k", name="robot")


def reported(tokens: int) -> bytes:
    return sse({"type": "CUSTOM", "name": "usage", "value": {"inputTokens": tokens, "outputTokens": 0}})


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, budget=BUDGET, titles_arn=TITLES) as house:
        yield house


def relay(house: House) -> RelayService:
    options = RelayOptions(agent_arn=AGENT, timeout=5.0, max_answer_bytes=10_000)
    return RelayService(house.invoker, house.meter, options, time.time)


class Hosted:
    """A runtime that answers by a script."""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps
        self.calls = 0
        self.refuses: BaseException | None = None

    async def run(self, agent: str, caller: Principal, call: AgentCall) -> AgentReply:
        self.calls += 1
        if self.refuses is not None:
            raise self.refuses
        script = Script(*self.steps)
        return AgentReply(
            status=200, content_type="text/event-stream", session_id=call.session_id, chunks=script.chunks()
        )

    async def stop(self, agent: str, caller: Principal, session_id: str) -> bool:
        return True

    async def forget(self, agent: str, caller: Principal, session_id: str) -> None:
        return None

    async def ready(self) -> bool:
        return True


async def used(house: House, account: str = ANNA.key) -> int:
    return (await house.stores.budgets.used(account, day=BUDGET.day(time.time()))).tokens


async def asked(runtime: MeteredRuntime, caller: Principal = ANNA) -> bytes:
    reply = await runtime.run("hello", caller, AgentCall(agent=AGENT, session_id="s" * 36, payload=b"{}"))
    return b"".join([chunk async for chunk in reply.chunks])


def metered(house: House, hosted: Hosted) -> MeteredRuntime:
    return MeteredRuntime(hosted, house.meter, CAPS, max_answer_bytes=10_000)


async def test_of_fifty_relayed_at_once_exactly_those_that_fit_reach_the_agent(limited: House) -> None:
    """AP-LIM-02"""
    go = asyncio.Event()
    limited.says(go, sse("Hi"), reported(100))
    sending = asyncio.gather(
        *(relay(limited).send(ANNA, "hello", None, "r") for _ in range(50)), return_exceptions=True
    )
    while len(limited.agent.calls) < 2:  # noqa: ASYNC110  # the scripted agent has no event of ours
        await asyncio.sleep(0)
    go.set()
    refused = [result for result in await sending if isinstance(result, TooManyRequests)]
    assert {error.code for error in refused} == {"budget_exhausted"}
    assert (len(refused), len(limited.agent.calls), await used(limited)) == (48, 2, 200)
    assert await used(limited, ANNA.tenant_key) == 200


async def test_a_relayed_call_costs_nothing_when_no_agent_ran_and_its_reserve_when_it_broke_off(limited: House) -> None:
    limited.agent.answer = lambda _: AgentUnreachable("There is no door.")
    with pytest.raises(AgentUnreachable):
        await relay(limited).send(ANNA, "hello", None, "r")
    assert await used(limited) == 0
    limited.says(reported(10), sse({"error": "secret", "error_type": "E"}))
    with pytest.raises(AgentFailed):
        await relay(limited).send(ANNA, "hello", None, "r")
    assert await used(limited) == 400


async def test_a_store_that_is_down_lets_nobody_through(limited: House) -> None:
    """AP-LIM-03: closed."""
    hosted = Hosted(sse("Hi"))
    await asyncio.to_thread(limited.stores.close)
    with pytest.raises(StoreUnavailable):
        await relay(limited).send(ANNA, "hello", None, "r")
    with pytest.raises(StoreUnavailable):
        await asked(metered(limited, hosted))
    assert (limited.agent.calls, hosted.calls) == ([], 0)


async def test_whoever_leaves_while_it_is_set_aside_leaves_nothing_behind(limited: House) -> None:
    reserving = asyncio.create_task(limited.meter.turn(ANNA))
    await asyncio.sleep(0)
    reserving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reserving
    await limited.meter.close()
    assert await used(limited) == 0


async def test_a_name_is_reserved_and_counted_as_a_turn_is(limited: House) -> None:
    limited.agent.answer = lambda call: (
        Script(b'{"name":"A name","usage":{"inputTokens":20,"outputTokens":5}}', content_type="application/json")
        if call.agent == TITLES
        else Script(sse("Hi"), reported(100))
    )
    started = await limited.chat.start(ANNA, "hello", session_id=None, request_id="r")
    await limited.chat.answer(ANNA, started.turn_id)
    names = limited.chat._names
    assert names is not None
    await asyncio.gather(*names._tasks)
    assert await used(limited) == 125
    [today] = await limited.stores.usage.by_day(ANNA.key, days=1, today=BUDGET.day(time.time()))
    assert (today.turns, today.input_tokens, today.output_tokens) == (1, 120, 5)


@pytest.mark.parametrize(
    ("error", "cost"),
    [
        (AgentUnreachable("No door."), 100),
        (AgentFailed("The agent failed.", code="model_unavailable"), 100),
        (AgentFailed("The agent failed."), 400),
    ],
)
async def test_a_name_that_no_model_gave_costs_nothing(limited: House, error: Exception, cost: int) -> None:
    limited.agent.answer = lambda call: error if call.agent == TITLES else Script(sse("Hi"), reported(100))
    started = await limited.chat.start(ANNA, "hello", session_id=None, request_id="r")
    await limited.chat.answer(ANNA, started.turn_id)
    names = limited.chat._names
    assert names is not None
    await asyncio.gather(*names._tasks)
    assert await used(limited) == cost


async def test_without_budget_for_a_name_the_model_is_not_asked(limited: House) -> None:
    limited.agent.answer = lambda _: Script(sse("Hi"), reported(800))
    started = await limited.chat.start(ANNA, "hello", session_id=None, request_id="r")
    await limited.chat.answer(ANNA, started.turn_id)
    names = limited.chat._names
    assert names is not None
    await asyncio.gather(*names._tasks)
    assert [call.agent for call in limited.agent.calls] == [AGENT]
    page = await limited.stores.conversations.page(ANNA.key, limit=1, cursor=None)
    assert page.items[0].name == "hello"


async def test_who_knocks_for_themselves_is_charged_what_the_model_reported(limited: House) -> None:
    runtime = metered(limited, Hosted(sse("Hi"), reported(70)))
    assert b"Hi" in await asked(runtime)
    await asked(runtime, BEN)
    await asked(runtime, ROBOT)
    assert [await used(limited, key) for key in (ANNA.key, BEN.key, "workload:robot", "")] == [70, 70, 70, 140]


async def test_a_workload_has_a_limit_of_its_own(limited: House) -> None:
    runtime = metered(limited, Hosted(sse("Hi"), reported(101)))
    await asked(runtime, ROBOT)
    with pytest.raises(TooManyRequests):
        await asked(runtime, ROBOT)
    await asked(runtime)


async def test_a_turn_of_our_own_service_is_not_charged_twice(limited: House) -> None:
    turn = TurnIdentity(
        issuer=ANNA.issuer,
        subject=ANNA.subject,
        actor="chat",
        session_id="s",
        turn_id="t",
        audience="a",
        expires_at=9e9,
    )
    await asked(metered(limited, Hosted(sse("Hi"), reported(70))), turn)
    assert await used(limited) == 0


async def test_hanging_up_or_breaking_off_does_not_make_an_answer_free(limited: House) -> None:
    runtime = metered(limited, Hosted(sse("half"), asyncio.Event()))
    reply = await runtime.run("hello", ANNA, AgentCall(agent=AGENT, session_id="s" * 36, payload=b"{}"))
    await anext(reply.chunks)
    assert await used(limited) == 400
    await reply.chunks.aclose()  # type: ignore[attr-defined]
    await reply.chunks.aclose()  # type: ignore[attr-defined]
    assert await used(limited) == 400
    hosted = Hosted()
    hosted.refuses = AgentUnreachable("No worker.")
    with pytest.raises(AgentUnreachable):
        await asked(metered(limited, hosted))
    assert await used(limited) == 400


async def test_who_knocks_for_themselves_is_held_to_the_caps_of_a_turn(limited: House) -> None:
    """AP-LIM-05, in a stream with an error event; what is no stream breaks off."""
    hosted = Hosted(sse("Hi"), *[reported(1)] * 6, asyncio.Event())
    answer = await asked(metered(limited, hosted))
    assert answer.count(b"usage") == 6
    assert answer.endswith(
        b'data: {"type":"RUN_ERROR","message":"The turn took more steps than a turn may.",'
        b'"code":"turn_steps_exceeded"}\n\n'
    )
    assert await used(limited) == 400


async def test_what_the_store_would_not_settle_is_settled_later(limited: House) -> None:
    class Shy:
        """The store, that refuses to settle once."""

        def __init__(self) -> None:
            self.refused = 0

        def __getattr__(self, name: str) -> object:
            return getattr(limited.stores.budgets, name)

        async def settle(self, charge_id: str, spent: object) -> None:
            if not self.refused:
                self.refused += 1
                raise StoreUnavailable("The disk is full.")
            await limited.stores.budgets.settle(charge_id, spent)  # type: ignore[arg-type]

    store = Shy()
    meter = Meter(BUDGET, store, time.time)  # type: ignore[arg-type]
    async with meter.metered(ANNA) as bill:
        bill.unsure = False
    assert (store.refused, await used(limited)) == (1, 0)
    assert await limited.stores.budgets.used(ANNA.key, day="2000-01-01") == Amount()
