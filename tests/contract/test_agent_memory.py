"""What an agent keeps in AgentCore Memory goes with the conversation: real checkpoints, over the wire. The agent's side
only stops sessions, as AgentCore does, and the memory is another service."""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, TypedDict

import boto3
import pytest
from langchain_core.messages import AIMessage, AnyMessage
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt
from langgraph_checkpoint_aws import AgentCoreMemorySaver
from msgspec import Struct
from tests.contract.building import MovableClock, whole_turn
from tests.journey.house import free_port
from tests.unit.agent_door.doors import ALICE, ARN, BOB, CHAT
from tests.unit.agent_door.memory_house import GONE, MEMORY, MemoryHouse, memory_house

from doorward.agent_door.knock import Knock
from doorward.compose.agent_memory import ErasingAgent, memory_of_agent
from doorward.errors import AgentUnreachable, StoreUnavailable
from doorward.model.principals import User
from doorward.model.settings import AgentSettings, Settings
from doorward.ports.functions import OpenedStores
from doorward.ports.memory import OpenedEraser
from doorward.runtime.worker.memory_saver import NamedMemorySaver
from doorward.services.chat.forgetting import forget_pending
from doorward.services.invocation import Errand, Invoker, InvokerOptions
from doorward.stores.sqlite.open import open_gateway

pytestmark = pytest.mark.anyio

WIRE = InvokerOptions(actor="chat", token_ttl=60, private_sessions=True)


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def talk(state: State) -> dict[str, Any]:
    return {"messages": [AIMessage(f"answer {len(state['messages'])}")]}


def private(user: User, session_id: str) -> str:
    """The name of a session on the wire, which the services make."""
    errand = Errand(user=user, agent=ARN, session_id=session_id, turn_id="t", payload={}, request_id="r")
    return Invoker(None, None, WIRE, time.time)._session(errand)  # type: ignore[arg-type]


class Side(Struct, frozen=True):
    """The agent's side: the door of its runtime, and the memory, each at an address of its own."""

    runtime: MemoryHouse
    memory: MemoryHouse
    stores: OpenedStores

    def keep(self, user: User, session_id: str, turns: int = 2) -> None:
        """What a hosted graph leaves after so many turns."""
        graph = StateGraph(State).add_node("talk", talk).add_edge(START, "talk")
        place = {"thread_id": private(user, session_id), "actor_id": user.key}
        for _ in range(turns):
            saver = AgentCoreMemorySaver(MEMORY, endpoint_url=self.memory.url)
            config: Any = {"configurable": place}
            graph.compile(checkpointer=saver).invoke({"messages": [("user", "hello")]}, config, durability="exit")

    def kept(self, user: User, session_id: str) -> list[str]:
        """The sessions that have something of this conversation, by their names."""
        client = self.memory.client()
        where = {"memoryId": MEMORY, "actorId": user.key, "filter": {"eventFilter": "HAS_EVENTS"}, "maxResults": 100}
        found = [session["sessionId"] for session in client.list_sessions(**where)["sessionSummaries"]]
        client.close()
        return [name for name in found if name.startswith(private(user, session_id))]

    async def talked(self, user: User, *sessions: str) -> None:
        """Conversations of this user, with what the agent keeps of them."""
        for session_id in sessions:
            await whole_turn(self.stores.turns, session_id, owner=user.key)
            await asyncio.to_thread(self.keep, user, session_id)

    async def delete(self, user: User, *sessions: str) -> None:
        for session_id in sessions:
            assert await self.stores.conversations.delete(user.key, session_id, user=user)

    async def pending(self) -> list[str]:
        return [each.session_id for each in await self.stores.forgotten.pending(limit=99)]

    async def sweep(self, agent: ErasingAgent) -> int:
        invoker = Invoker(agent, self.runtime.world.tokens, WIRE, time.time)
        return await forget_pending(self.stores.forgotten, invoker, ARN, time.time)


@pytest.fixture
def side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Side]:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # one that an earlier test made knows another environment
    with memory_house(tmp_path / "runtime") as runtime, memory_house(tmp_path / "memory") as memory:
        at(memory, monkeypatch)
        stores = open_gateway(tmp_path / "gateway.db", clock=MovableClock())
        yield Side(runtime, memory, stores)
        stores.close()


def at(memory: MemoryHouse, environment: pytest.MonkeyPatch) -> None:
    for name, value in memory.environment().items():
        environment.setenv(name, value)


@asynccontextmanager
async def erasing(
    side: Side, *, url: str = "", memory: str = MEMORY, through: Callable[[OpenedEraser], OpenedEraser] = lambda it: it
) -> AsyncIterator[ErasingAgent]:
    """As the turns function has it."""
    settings = Settings(agent=AgentSettings(memory=memory, url=url or side.runtime.url))
    opened = memory_of_agent(settings)
    assert opened is not None
    knock = Knock(settings.agent.url, settings.agent, credentials=CHAT, clock=time.time)
    agent = ErasingAgent(knock, lambda: through(opened()))
    yield agent
    await asyncio.to_thread(agent.close)
    await knock.close()


@pytest.fixture
async def agent(side: Side) -> AsyncIterator[ErasingAgent]:
    async with erasing(side) as made:
        yield made


async def left(side: Side, *places: tuple[User, str]) -> list[bool]:
    return [bool(await asyncio.to_thread(side.kept, user, session_id)) for user, session_id in places]


async def test_what_is_deleted_is_gone_from_the_memory_and_nothing_else_is(side: Side, agent: ErasingAgent) -> None:
    await side.talked(ALICE, "first", "second")
    await side.talked(BOB, "first")
    await side.delete(ALICE, "first")
    everything = ((ALICE, "first"), (ALICE, "second"), (BOB, "first"))
    assert await left(side, *everything) == [True, True, True], "until the next sweep"

    assert await side.sweep(agent) == 1

    assert await left(side, *everything) == [False, True, True]
    assert await side.pending() == []
    [(_, caller, session)] = side.runtime.world.runtime.stops
    assert (caller.owner_key, session) == (ALICE.key, private(ALICE, "first"))  # type: ignore[union-attr]


async def test_a_conversation_of_which_the_agent_kept_nothing_is_forgotten_too(side: Side, agent: ErasingAgent) -> None:
    await whole_turn(side.stores.turns, "first", owner=ALICE.key)
    await side.delete(ALICE, "first")
    assert await side.sweep(agent) == 1


async def test_branches_and_more_than_a_page_of_events_go_too(side: Side, agent: ErasingAgent) -> None:
    def branched() -> None:
        client = side.memory.client()
        where: dict[str, Any] = {"memoryId": MEMORY, "actorId": ALICE.key, "sessionId": private(ALICE, "first")}
        said = {"eventTimestamp": dt.datetime.now(dt.UTC), "payload": [{"blob": "x"}]}
        events = [client.create_event(**where, **said)["event"] for _ in range(110)]
        client.create_event(**where, **said, branch={"name": "detour", "rootEventId": events[0]["eventId"]})
        client.close()

    await whole_turn(side.stores.turns, "first", owner=ALICE.key)
    await asyncio.to_thread(branched)
    await side.delete(ALICE, "first")
    assert await side.sweep(agent) == 1
    assert await left(side, (ALICE, "first")) == [False]


def asked(state: State) -> dict[str, Any]:
    return {"messages": [AIMessage(f"you said {interrupt('go on?')}")]}


def with_subgraphs(side: Side) -> Any:
    """One that keeps a state of its own, and one that stops to ask; compiled anew, as in a new process."""
    remembers = StateGraph(State).add_node("talk", talk).add_edge(START, "talk").compile(checkpointer=True)
    asks = StateGraph(State).add_node("ask", asked).add_edge(START, "ask").compile()
    graph = StateGraph(State).add_node("remembers", remembers).add_node("asks", asks)
    graph.add_edge(START, "remembers").add_edge("remembers", "asks")
    return graph.compile(checkpointer=NamedMemorySaver(MEMORY, endpoint_url=side.memory.url))


def interrupted(side: Side, user: User, session_id: str) -> None:
    place: Any = {"configurable": {"thread_id": private(user, session_id), "actor_id": user.key}}
    hello: Any = {"messages": [("user", "hello")]}
    assert with_subgraphs(side).invoke(hello, place, durability="exit")["__interrupt__"][0].value == "go on?"
    done = with_subgraphs(side).invoke(Command(resume="yes"), place, durability="exit")
    assert done["messages"][-1].content == "you said yes"
    with_subgraphs(side).invoke(hello, place, durability="exit")
    assert with_subgraphs(side).get_state(place, subgraphs=True).tasks[0].state.next == ("ask",)


async def test_what_subgraphs_keep_goes_too_and_that_of_others_stays(side: Side, agent: ErasingAgent) -> None:
    places = ((ALICE, "first"), (ALICE, "second"), (BOB, "first"))
    for user, session_id in places:
        await whole_turn(side.stores.turns, session_id, owner=user.key)
        await asyncio.to_thread(interrupted, side, user, session_id)
    before = [await asyncio.to_thread(side.kept, *place) for place in places]
    assert [len(names) for names in before] == [4, 4, 4], "the graph, what remembers, and what asked, twice"
    await side.delete(ALICE, "first")

    assert await side.sweep(agent) == 1

    assert [await asyncio.to_thread(side.kept, *place) for place in places] == [[], *before[1:]]


async def test_what_belongs_to_it_is_found_among_many_sessions_by_its_whole_name(
    side: Side, agent: ErasingAgent
) -> None:
    own = private(ALICE, "first")
    others = [*(f"{number:03}-of-another" for number in range(120)), f"{own}x", own[:-1]]

    def make() -> list[str]:
        client = side.memory.client()
        said = {"eventTimestamp": dt.datetime.now(dt.UTC), "payload": [{"blob": "x"}]}
        for name in (*others, f"{own}-part"):
            client.create_event(memoryId=MEMORY, actorId=ALICE.key, sessionId=name, **said)
        first_page = client.list_sessions(memoryId=MEMORY, actorId=ALICE.key, maxResults=100)["sessionSummaries"]
        client.close()
        return [session["sessionId"] for session in first_page]

    def left_over() -> set[str]:
        client = side.memory.client()
        pages = client.get_paginator("list_sessions").paginate(
            memoryId=MEMORY, actorId=ALICE.key, filter={"eventFilter": "HAS_EVENTS"}
        )
        found = {session["sessionId"] for page in pages for session in page["sessionSummaries"]}
        client.close()
        return found

    await whole_turn(side.stores.turns, "first", owner=ALICE.key)
    assert f"{own}-part" not in await asyncio.to_thread(make)
    await side.delete(ALICE, "first")
    assert await side.sweep(agent) == 1
    assert await asyncio.to_thread(left_over) == set(others)


async def test_a_session_that_cannot_be_stopped_is_not_erased_and_stays_pending(
    side: Side, agent: ErasingAgent
) -> None:
    """What still runs could write anew."""
    await side.talked(ALICE, "first")
    await side.delete(ALICE, "first")
    async with erasing(side, url=f"http://127.0.0.1:{free_port()}") as unreachable:
        with pytest.raises(AgentUnreachable):
            await side.sweep(unreachable)
    assert await left(side, (ALICE, "first")) == [True]
    assert await side.pending() == ["first"]
    assert await side.sweep(agent) == 1
    assert await left(side, (ALICE, "first")) == [False]


async def test_without_the_memory_nothing_counts_as_forgotten_and_the_next_try_erases(
    side: Side, agent: ErasingAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await side.talked(ALICE, "first", "second")
    await side.delete(ALICE, "first", "second")
    await asyncio.to_thread(side.memory.run, asyncio.to_thread(side.memory.world.database.close))

    with pytest.raises(StoreUnavailable):
        await side.sweep(agent)

    assert sorted(await side.pending()) == ["first", "second"]
    with memory_house(tmp_path / "memory") as again:
        at(again, monkeypatch)
        other = Side(side.runtime, again, side.stores)
        assert await left(other, (ALICE, "first"), (ALICE, "second")) == [True, True]
        async with erasing(other) as later:
            assert await other.sweep(later) == 2
        assert await left(other, (ALICE, "first"), (ALICE, "second")) == [False, False]
    assert await side.pending() == []


class Stuck:
    """A memory that does not erase one session."""

    def __init__(self, memory: OpenedEraser, session: str) -> None:
        self._memory = memory
        self._session = session
        self.close = memory.close

    async def forget(self, actor: str, session: str) -> None:
        if session == self._session:
            raise StoreUnavailable("Not this one.")
        await self._memory.forget(actor, session)


async def test_one_that_cannot_be_erased_holds_up_no_other(side: Side) -> None:
    await side.talked(ALICE, "first", "second", "third")
    await side.delete(ALICE, "first", "second", "third")
    session = private(ALICE, "second")
    async with erasing(side, through=lambda memory: Stuck(memory, session)) as agent:
        with pytest.raises(StoreUnavailable):
            await side.sweep(agent)
    assert await side.pending() == ["second"]
    assert await left(side, (ALICE, "first"), (ALICE, "second"), (ALICE, "third")) == [False, True, False]


async def test_a_memory_that_is_not_there_is_an_error_and_not_an_end(side: Side) -> None:
    await side.talked(ALICE, "first")
    await side.delete(ALICE, "first")
    async with erasing(side, memory=GONE) as agent:
        with pytest.raises(StoreUnavailable):
            await side.sweep(agent)
    assert await side.pending() == ["first"]


async def test_after_the_end_nothing_is_erased_and_nothing_said_to_be(side: Side, agent: ErasingAgent) -> None:
    await side.talked(ALICE, "first", "second")
    await side.delete(ALICE, "first")
    await side.sweep(agent)
    await asyncio.to_thread(agent.close)
    await side.delete(ALICE, "second")
    with pytest.raises(StoreUnavailable):
        await side.sweep(agent)
    assert await side.pending() == ["second"]
