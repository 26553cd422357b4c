"""What people use with AgentCore Memory, unmodified, against our own data plane with nothing but environment variables:
the AgentCore SDK's memory client, and LangGraph with AgentCoreMemorySaver."""

import warnings
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict
from uuid import uuid4

import boto3
import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import Command, interrupt
from langgraph_checkpoint_aws import AgentCoreMemorySaver

from tests.unit.agent_door.memory_house import MEMORY, MemoryHouse, memory_house

with warnings.catch_warnings():  # the SDK's models are of an older pydantic's style
    warnings.simplefilter("ignore", DeprecationWarning)
    from bedrock_agentcore.memory import MemoryClient, MemorySessionManager
    from bedrock_agentcore.memory.constants import ConversationalMessage, MessageRole


@pytest.fixture(scope="module", autouse=True)
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MemoryHouse]:
    with memory_house(tmp_path_factory.mktemp("memory")) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment().items():
            patch.setenv(name, value)
        patch.setattr(boto3, "DEFAULT_SESSION", None)  # one that an earlier test made knows another environment
        yield running


@pytest.fixture
def place() -> dict[str, str]:
    return {"memory_id": MEMORY, "actor_id": f"user-{uuid4().hex}", "session_id": uuid4().hex}


def said(event: dict[str, Any]) -> list[str]:
    return [item["conversational"]["content"]["text"] for item in event["payload"]]


def test_the_sdks_memory_client_keeps_and_reads_turns(place: dict[str, str]) -> None:
    client = MemoryClient()
    for number in range(3):
        client.create_event(**place, messages=[(f"question {number}", "USER"), (f"answer {number}", "ASSISTANT")])
    assert [said(event)[0] for event in client.list_events(**place)] == ["question 2", "question 1", "question 0"]
    turns = client.get_last_k_turns(**place, k=2)
    assert [[message["content"]["text"] for message in turn] for turn in turns] == [
        ["question 2", "answer 2"],
        ["question 1", "answer 1"],
    ]


def test_the_sdks_memory_client_forks_conversations(place: dict[str, str]) -> None:
    client = MemoryClient()
    events = [client.create_event(**place, messages=[(f"main {number}", "USER")]) for number in range(3)]
    client.fork_conversation(
        **place, root_event_id=events[1]["eventId"], branch_name="detour", new_messages=[("elsewhere", "USER")]
    )
    branches = {branch["name"]: branch for branch in client.list_branches(**place)}
    assert branches["main"]["eventCount"] == 3
    assert branches["detour"]["rootEventId"] == events[1]["eventId"]
    alone = client.list_branch_events(**place, branch_name="detour")
    whole = client.list_branch_events(**place, branch_name="detour", include_parent_branches=True)
    assert [said(event)[0] for event in alone] == ["elsewhere"]
    assert [said(event)[0] for event in whole] == ["elsewhere", "main 1", "main 0"]


def test_the_sdks_session_manager_works(place: dict[str, str]) -> None:
    manager = MemorySessionManager(place.pop("memory_id"))
    manager.add_turns(
        **place,
        messages=[ConversationalMessage("hello", MessageRole.USER), ConversationalMessage("hi", MessageRole.ASSISTANT)],
    )
    events = manager.list_events(**place)
    assert [said(event) for event in events] == [["hello", "hi"]]
    assert manager.get_event(**place, event_id=events[0].eventId).eventId == events[0].eventId
    assert place["actor_id"] in [actor.actorId for actor in manager.list_actors()]
    assert [session.sessionId for session in manager.list_actor_sessions(actor_id=place["actor_id"])] == [
        place["session_id"]
    ]
    manager.delete_event(**place, event_id=events[0].eventId)
    assert manager.list_events(**place) == []


class State(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def talk(state: State) -> dict[str, Any]:
    return {"messages": [AIMessage(f"answer {len(state['messages'])}")]}


def ask(state: State) -> dict[str, Any]:
    return {"messages": [AIMessage(f"you said {interrupt('go on?')}")]}


def graph(node: Any) -> Any:
    """Compiled anew, with a saver of its own, as in a new process."""
    builder = StateGraph(State).add_node("node", node).add_edge(START, "node")
    return builder.compile(checkpointer=AgentCoreMemorySaver(MEMORY))


def at(place: dict[str, str]) -> Any:
    return {"configurable": {"thread_id": place["session_id"], "actor_id": place["actor_id"]}}


def test_the_checkpoints_of_langgraph_outlast_their_process(place: dict[str, str]) -> None:
    for number in range(4):
        graph(talk).invoke({"messages": [HumanMessage(f"question {number}")]}, at(place))
    messages = graph(talk).get_state(at(place)).values["messages"]
    assert [message.content for message in messages] == [
        text for number in range(4) for text in (f"question {number}", f"answer {2 * number + 1}")
    ]
    assert len(list(graph(talk).get_state_history(at(place)))) == 12
    elsewhere = {**place, "actor_id": "somebody-else"}
    assert graph(talk).get_state(at(elsewhere)).values == {}


def test_an_interrupted_graph_goes_on_in_another_process(place: dict[str, str]) -> None:
    stopped = graph(ask).invoke({"messages": [HumanMessage("hello")]}, at(place))
    assert stopped["__interrupt__"][0].value == "go on?"
    done = graph(ask).invoke(Command(resume="yes"), at(place))
    assert done["messages"][-1].content == "you said yes"


def test_a_thread_can_be_deleted(place: dict[str, str]) -> None:
    for number in range(3):
        graph(talk).invoke({"messages": [HumanMessage(f"question {number}")]}, at(place))
    # Events are deleted while the list goes on, page by page.
    AgentCoreMemorySaver(MEMORY, max_results=2).delete_thread(place["session_id"], place["actor_id"])
    assert graph(talk).get_state(at(place)).values == {}


def test_the_snapshot_format_works_too(place: dict[str, str]) -> None:
    builder = StateGraph(State).add_node("node", talk).add_edge(START, "node")
    for number in range(3):
        compiled = builder.compile(checkpointer=AgentCoreMemorySaver(MEMORY, checkpoint_format="snapshot"))
        compiled.invoke({"messages": [HumanMessage(f"question {number}")]}, at(place))
    assert len(compiled.get_state(at(place)).values["messages"]) == 6
