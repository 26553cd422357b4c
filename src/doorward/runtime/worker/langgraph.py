"""Hosts a LangGraph graph, or a function that makes one from a model: streams it as AG-UI events, with a memory.

The text of the model, its tool calls and their results become events as they come. The graph's state is kept per
session; a graph compiled with a checkpointer of its own keeps that.
"""

import inspect
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.errors import GraphRecursionError
from langgraph.pregel import Pregel
from langgraph.types import Command

from doorward.runtime.wire import WorkerConfig
from doorward.runtime.worker.adapter import Event, Invocation, prompt_of
from doorward.runtime.worker.agent_error import AgentFileError, agent_file_error
from doorward.runtime.worker.agui import TextWriter, ToolWriter, custom, tool_result, usage
from doorward.runtime.worker.checkpointer import SessionCheckpointer, SessionState
from doorward.runtime.worker.guarded_tools import ToolCaps
from doorward.runtime.worker.model_trouble import TOO_MANY_STEPS, Trouble
from doorward.runtime.worker.models import chat_model

Memory = BaseCheckpointSaver[Any]


def graph_adapter(agent: Pregel[Any, Any] | Callable[..., object], config: WorkerConfig) -> "GraphAdapter":
    """The adapter for a compiled graph, or for a factory with a parameter `model` and perhaps `checkpointer`."""
    checkpointer = SessionCheckpointer()
    graph = _graph_of(agent, config, checkpointer)
    if graph.checkpointer is None:
        graph = graph.copy({"checkpointer": checkpointer})
    own_memory = graph.checkpointer is not checkpointer
    return GraphAdapter(graph, SessionState(config.state_socket), steps=config.limits.turn_steps, own_memory=own_memory)


def remembering(
    agent: Pregel[Any, Any] | Callable[..., object], config: WorkerConfig, memory: Memory
) -> "GraphAdapter":
    """The adapter for a graph whose checkpoints go to `memory`, unless the graph brings a checkpointer of its own."""
    graph = _graph_of(agent, config, memory)
    if graph.checkpointer is None:
        graph = graph.copy({"checkpointer": memory})
    return GraphAdapter(graph, SessionState(config.state_socket), steps=config.limits.turn_steps, own_memory=True)


def _graph_of(
    agent: Pregel[Any, Any] | Callable[..., object], config: WorkerConfig, memory: Memory
) -> Pregel[Any, Any]:
    graph = agent if isinstance(agent, Pregel) else _made(agent, config, memory)
    ToolCaps(config.limits.tool_timeout, config.limits.tool_max_characters).guard(graph)
    return graph


def _made(factory: Callable[..., object], config: WorkerConfig, checkpointer: Memory) -> Pregel[Any, Any]:
    parameters = inspect.signature(factory).parameters
    arguments: dict[str, Any] = {"checkpointer": checkpointer} if "checkpointer" in parameters else {}
    try:
        made = factory(model=chat_model(config), **arguments)
    except Exception as error:  # noqa: BLE001  # process edge: foreign code runs here
        raise agent_file_error(error, config.file) from None
    if not isinstance(made, Pregel):
        raise AgentFileError("NotAGraph", config.file, f"{factory.__name__} made no LangGraph graph.")
    return made


class GraphAdapter:
    """Runs the graph for one call at a time of each session."""

    def __init__(self, graph: Pregel[Any, Any], state: SessionState, *, steps: int, own_memory: bool) -> None:
        self._graph = graph
        self._steps = steps
        self._state = state
        self._own_memory = own_memory
        self._takes_messages = "messages" in graph.channels

    async def events(self, call: Invocation) -> AsyncGenerator[object, None]:
        """The run as AG-UI events; usage comes after each node that had some, also before the error of a run."""
        writer = GraphWriter()
        stream = self._stream(call)
        try:
            async with self._memory(call), aclosing(stream):
                async for mode, item in stream:
                    for event in writer.events(mode, item):
                        yield event
                for event in writer.end():
                    yield event
        except Exception as error:
            if writer.started:
                for event in (*writer.end(), *writer.spent()):
                    yield event
            if isinstance(error, GraphRecursionError):
                raise Trouble(TOO_MANY_STEPS) from error
            raise
        for event in writer.spent():
            yield event

    def _memory(self, call: Invocation) -> AbstractAsyncContextManager[None]:
        return nullcontext() if self._own_memory else self._state.turn(call.handle, call.session_id)

    async def _stream(self, call: Invocation) -> AsyncGenerator[tuple[str, Any], None]:
        # `actor_id` is what AgentCore's memory keeps a user's sessions under; other checkpointers do not look at it.
        place = {"thread_id": call.session_id, "actor_id": call.user or call.session_id}
        config: RunnableConfig = {"configurable": place, "recursion_limit": self._steps}
        modes: Any = ["messages", "updates"] if self._takes_messages else ["updates", "values"]
        stream: AsyncIterator[Any] = self._graph.astream(
            self._input(call.payload), config, stream_mode=modes, durability="exit"
        )
        async for mode, item in stream:
            yield mode, item

    def _input(self, payload: object) -> object:
        if isinstance(payload, dict) and "resume" in payload:
            return Command(resume=payload["resume"])
        if self._takes_messages:
            return {"messages": [{"role": "user", "content": prompt_of(payload)}]}
        return payload


TIMED = ("TOOL_CALL_START", "TOOL_CALL_RESULT")


def _timed(event: Event) -> Event:
    """A tool's beginning and its result with the time (milliseconds since 1970), so that a reader can say how long it
    took, also later."""
    return event | {"timestamp": int(time.time() * 1000)} if event["type"] in TIMED else event


class GraphWriter:
    """Turns what LangGraph streams (modes ``messages``, ``updates``, ``values``) into AG-UI events."""

    def __init__(self) -> None:
        self.started = False
        self._text = TextWriter()
        self._tools = ToolWriter()
        self._call_ids: dict[tuple[str, Any], str] = {}
        self._seen: set[str] = set()
        self._values: Any = None
        self._model = ""
        self._tokens = [0, 0]

    def events(self, mode: str, item: Any) -> list[Event]:  # noqa: ANN401  # its shape depends on the mode
        """The events of one item."""
        found: list[Event] = []
        if mode == "messages":
            found = self._message(item[0])
        elif mode == "values":
            self._values = item
        elif "__interrupt__" in item:
            value = [{"id": one.id, "value": one.value} for one in item["__interrupt__"]]
            found = [*self._closed(), custom("interrupt", value)]
        elif self._model or any(self._tokens):
            found = [*self._closed(), *self.spent()]  # a node has ended: what it spent is told before the next begins
        self.started = self.started or bool(found)
        return [_timed(event) for event in found]

    def end(self) -> list[Event]:
        """What is open is closed; a graph without messages answers with its final values."""
        if self._values is not None:
            values, self._values = self._values, None
            return [*self._text.piece(values if isinstance(values, str) else _json(values)), *self._text.end()]
        return self._closed()

    def spent(self) -> list[Event]:
        """The tokens that were not told yet, if the model said."""
        if not self._model and not any(self._tokens):
            return []
        told = usage(self._model, *self._tokens)
        self._model, self._tokens = "", [0, 0]
        return [told]

    def _message(self, message: BaseMessage) -> list[Event]:
        if isinstance(message, AIMessageChunk):
            return self._chunk(message)
        if isinstance(message, AIMessage):
            return self._whole(message)
        if isinstance(message, ToolMessage):
            text = message.content if isinstance(message.content, str) else _json(message.content)
            return [*self._closed(), tool_result(message.id or message.tool_call_id, message.tool_call_id, text)]
        return []

    def _chunk(self, chunk: AIMessageChunk) -> list[Event]:
        message_id = chunk.id or ""
        self._seen.add(message_id)
        self._count(chunk)
        found = self._text.piece(str(chunk.text), message_id)
        for part in chunk.tool_call_chunks:
            key = (message_id, part["index"] if part["index"] is not None else part["id"])
            if key not in self._call_ids:
                self._call_ids[key] = part["id"] or f"{message_id}-{part['index']}"
                found += [*self._text.end(), *self._tools.start(self._call_ids[key], part["name"] or "", message_id)]
            found += self._tools.arguments(self._call_ids[key], part["args"] or "")
        return found

    def _whole(self, message: AIMessage) -> list[Event]:
        """A message that came in one piece: from a model that does not stream, or made by a node."""
        if message.id in self._seen:
            return []
        self._count(message)
        found = self._text.piece(str(message.text), message.id or "")
        for call in message.tool_calls:
            call_id = call["id"] or f"{message.id}-{call['name']}"
            found += [*self._text.end(), *self._tools.start(call_id, call["name"], message.id or "")]
            found += self._tools.arguments(call_id, _json(call["args"]))
        return [*found, *self._closed()]

    def _count(self, message: AIMessage) -> None:
        self._model = message.response_metadata.get("model_name") or self._model
        if message.usage_metadata is not None:
            self._tokens[0] += message.usage_metadata["input_tokens"]
            self._tokens[1] += message.usage_metadata["output_tokens"]

    def _closed(self) -> list[Event]:
        return [*self._text.end(), *self._tools.end()]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
