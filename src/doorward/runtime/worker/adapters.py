"""Picks the adapter for what the agent's file holds, without importing a framework that the file did not import."""

import importlib
import inspect
import sys
from typing import Any

from doorward.runtime.wire import WorkerConfig
from doorward.runtime.worker.adapter import Adapter
from doorward.runtime.worker.agent_error import AgentFileError
from doorward.runtime.worker.function import function_adapter


def _is_instance(value: object, module: str, name: str) -> bool:
    """Whether it is an instance of a class of a module; a module that nobody imported has none."""
    loaded = sys.modules.get(module)
    return loaded is not None and isinstance(value, getattr(loaded, name))


def is_graph(value: object) -> bool:
    """A compiled LangGraph graph."""
    return _is_instance(value, "langgraph.pregel.main", "Pregel")


def is_agentcore_app(value: object) -> bool:
    """An application of the AgentCore SDK that has an entrypoint."""
    found = _is_instance(value, "bedrock_agentcore.runtime.app", "BedrockAgentCoreApp")
    return found and "main" in getattr(value, "handlers", ())


def is_factory(value: object) -> bool:
    """A function that makes a graph from a model."""
    return inspect.isfunction(value) and "model" in inspect.signature(value).parameters


def is_hostable(value: object) -> bool:
    """Whether there is an adapter for it."""
    return is_graph(value) or is_agentcore_app(value) or inspect.isfunction(value)


def adapter_for(agent: object, config: WorkerConfig) -> Adapter:
    """The adapter. Raises `AgentFileError` when the agent turns out not to fit."""
    if is_agentcore_app(agent):
        return _lazily("agentcore").AgentCoreAdapter(agent)  # type: ignore[no-any-return]
    if is_graph(agent) or is_factory(agent):
        return _lazily("langgraph").graph_adapter(agent, config)  # type: ignore[no-any-return]
    if inspect.isfunction(agent):
        return function_adapter(agent, config.file)
    raise AgentFileError("NotAnAgent", config.file, "It is nothing that can be hosted.")


def _lazily(adapter: str) -> Any:  # noqa: ANN401  # a module
    """An adapter's module: only the kind of agent that needs a framework pays for it."""
    return importlib.import_module(f"doorward.runtime.worker.{adapter}")
