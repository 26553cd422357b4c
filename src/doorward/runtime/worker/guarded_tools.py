"""Guards the tools of a hosted graph: a cap on the time of a call and on the size of its result (F-22).

The LangGraph adapter applies it to the tool nodes that it finds, subgraphs too; the agent's code stays as it is. A tool
that takes too long is an error that the model hears of, and a result that is too large is cut and says so.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langgraph.prebuilt import ToolNode
from langgraph.pregel import Pregel

# Kinds of tools that are guarded already: a tool may stand in several graphs.
_guarded: set[type] = set()
_DEEPEST = 8


class ToolCaps:
    """`timeout` in seconds, `max_characters` of a result."""

    def __init__(self, timeout: float, max_characters: int) -> None:
        self._timeout = timeout
        self._most = max_characters
        self._note = f"\n[cut: the result had more than {max_characters} characters]"

    def guard(self, graph: Pregel[Any, Any]) -> None:
        """Guard every tool of every tool node in the graph."""
        for node in _tool_nodes(graph):
            for tool in node.tools_by_name.values():
                self._guard(tool)

    def _guard(self, tool: BaseTool) -> None:
        kind = type(tool)
        if kind in _guarded:
            return
        caps = self

        def invoke(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            return caps.cut(kind.invoke(self, *args, **kwargs))

        async def ainvoke(self: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            scope = asyncio.timeout(caps._timeout)  # a method of ours, on a class of theirs
            try:
                async with scope:
                    return caps.cut(await kind.ainvoke(self, *args, **kwargs))
            except TimeoutError:
                call = args[0] if args else kwargs.get("input")
                if not scope.expired() or not isinstance(call, dict) or "id" not in call:
                    raise
                return caps.late(call)

        methods = {"invoke": invoke, "ainvoke": ainvoke, "__module__": kind.__module__}
        made = type(kind.__name__, (kind,), methods)
        _guarded.add(made)
        object.__setattr__(tool, "__class__", made)

    def cut(self, result: Any) -> Any:  # noqa: ANN401  # whatever a tool gives
        """The result, its text no longer than it may be."""
        if isinstance(result, str):
            return self._cut(result)
        if not isinstance(result, ToolMessage):
            return result
        content = result.content
        text = content if isinstance(content, str) else None
        if text is None and _length(content) > self._most:
            text = str(content)
        return result if text is None else result.model_copy(update={"content": self._cut(text)})

    def late(self, call: dict[str, Any]) -> ToolMessage:
        """What the model hears of a tool that took too long."""
        text = f"Error: the tool did not finish within {self._timeout:g} seconds."
        return ToolMessage(content=text, name=call.get("name"), tool_call_id=call["id"], status="error")

    def _cut(self, text: str) -> str:
        if len(text) <= self._most:
            return text
        return text[: max(0, self._most - len(self._note))] + self._note


def _length(content: Any) -> int:  # noqa: ANN401  # blocks of any kind
    return sum(len(str(block)) for block in content)


def _tool_nodes(graph: Pregel[Any, Any]) -> Iterator[ToolNode]:
    for node in graph.nodes.values():
        yield from _inside(node.bound, _DEEPEST)
    for _, inner in graph.get_subgraphs():
        if isinstance(inner, Pregel):
            yield from _tool_nodes(inner)


def _inside(runnable: Any, depth: int) -> Iterator[ToolNode]:  # noqa: ANN401  # any runnable
    """The tool nodes in a runnable: itself, the steps of a sequence, what a binding is bound to."""
    if isinstance(runnable, ToolNode):
        yield runnable
    elif depth:
        for inner in (*getattr(runnable, "steps", ()), getattr(runnable, "bound", None)):
            if inner is not None:
                yield from _inside(inner, depth - 1)
