"""What is kept of a graph's state between runs, with real graphs."""

from collections.abc import Callable
from operator import add
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt

from doorward.runtime.worker.checkpointer import SessionCheckpointer, _memory, kept, restored

pytestmark = pytest.mark.anyio

THREAD = "thread"
CONFIG: RunnableConfig = {"configurable": {"thread_id": THREAD}}


class Notes(TypedDict):
    notes: Annotated[list[str], add]


def graph_of(node: Callable[[Notes], dict[str, Any]], *, nested: bool = False) -> Any:
    builder = StateGraph(Notes)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    if not nested:
        return builder.compile(checkpointer=SessionCheckpointer())
    outer = StateGraph(Notes)
    outer.add_node("inner", builder.compile())
    outer.add_edge(START, "inner")
    return outer.compile(checkpointer=SessionCheckpointer())


async def run(graph: Any, state: bytes | None, given: object) -> tuple[Any, bytes]:
    """One run as the adapter does it, with everything of the run before forgotten but its bytes."""
    memory = restored(state, THREAD)
    token = _memory.set(memory)
    try:
        result = await graph.ainvoke(given, CONFIG, durability="exit")
    finally:
        _memory.reset(token)
    return result, kept(memory, THREAD)


async def test_a_run_goes_on_from_the_state_of_the_run_before() -> None:
    graph = graph_of(lambda state: {"notes": [f"seen {len(state['notes'])}"]})
    _, state = await run(graph, None, {"notes": ["a"]})
    result, _ = await run(graph, state, {"notes": ["b"]})
    assert result["notes"] == ["a", "seen 1", "b", "seen 3"]


async def test_only_the_newest_checkpoint_is_kept() -> None:
    graph = graph_of(lambda _: {})
    state = None
    sizes = []
    for _ in range(5):
        _, state = await run(graph, state, {"notes": []})
        sizes.append(len(state))
    assert max(sizes[1:]) - min(sizes[1:]) < 40
    assert len(restored(state, THREAD).storage[THREAD][""]) == 1


@pytest.mark.parametrize(("nested", "notes"), [(False, ["a", "yes"]), (True, ["a", "a", "yes"])])
async def test_an_interrupted_run_is_resumed_where_it_stopped(nested: bool, notes: list[str]) -> None:
    def ask(_: Notes) -> dict[str, Any]:
        return {"notes": [interrupt("may I?")]}

    graph = graph_of(ask, nested=nested)
    result, state = await run(graph, None, {"notes": ["a"]})
    assert result["__interrupt__"][0].value == "may I?"
    result, state = await run(graph, state, Command(resume="yes"))
    assert result["notes"] == notes
    assert list(restored(state, THREAD).storage[THREAD]) == [""]


async def test_a_delta_channel_is_rebuilt_from_the_kept_history() -> None:
    """LangGraph's channel that stores only what was added (beta) needs its ancestors' writes."""
    from langgraph.channels import DeltaChannel  # noqa: PLC0415  # beta: missing in some versions

    class Log(TypedDict):
        notes: Annotated[list[str], DeltaChannel(lambda old, new: [*old, *[n for one in new for n in one]])]

    builder = StateGraph(Log)
    builder.add_node("node", lambda state: {"notes": [f"seen {len(state['notes'])}"]})
    builder.add_edge(START, "node")
    graph = builder.compile(checkpointer=SessionCheckpointer())
    state, result = None, None
    for number in range(3):
        result, state = await run(graph, state, {"notes": [str(number)]})
    assert result["notes"] == ["0", "seen 1", "1", "seen 3", "2", "seen 5"]
