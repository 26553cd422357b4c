"""Hosts a plain function: ``def``, ``async def`` or a generator of either kind, with its parameters found by name.

``message`` or ``prompt`` is the text, ``payload`` the whole JSON body, ``context`` a `Context`. It refuses, at start,
a function that asks for anything else.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from typing import Any

from msgspec import Struct

from doorward.runtime.worker.adapter import EventAdapter, Invocation, ValueAdapter, prompt_of
from doorward.runtime.worker.agent_error import AgentFileError
from doorward.runtime.worker.agui import TextWriter

TEXT_NAMES = ("message", "prompt")
KNOWN_NAMES = (*TEXT_NAMES, "payload", "context")


class Context(Struct, frozen=True, kw_only=True):
    """What a function may know of its call. `user` is an opaque key, empty when no user is behind it."""

    session_id: str
    user: str
    turn_id: str


def function_adapter(function: Callable[..., Any], file: str) -> ValueAdapter | EventAdapter:
    """The adapter for a function. `AgentFileError` names a required parameter that nobody can fill."""
    names = _parameters(function, file)
    if inspect.isasyncgenfunction(function):
        return FunctionEvents(function, names)
    if inspect.isgeneratorfunction(function):
        return FunctionEvents(lambda **arguments: _in_threads(function(**arguments)), names)
    return FunctionValue(function, names)


def _parameters(function: Callable[..., Any], file: str) -> tuple[str, ...]:
    names = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in KNOWN_NAMES:
            names.append(name)
        elif parameter.default is parameter.empty and parameter.kind not in (
            parameter.VAR_KEYWORD,
            parameter.VAR_POSITIONAL,
        ):
            raise AgentFileError(
                "UnknownParameter",
                file,
                f"{function.__name__} asks for {name}; an agent function is given {', '.join(KNOWN_NAMES)}.",
                line=function.__code__.co_firstlineno,
            )
    return tuple(names)


def _arguments(names: tuple[str, ...], call: Invocation) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for name in names:
        if name in TEXT_NAMES:
            arguments[name] = prompt_of(call.payload)
        elif name == "payload":
            arguments[name] = call.payload
        else:
            arguments[name] = Context(session_id=call.session_id, user=call.user, turn_id=call.turn_id)
    return arguments


class FunctionValue:
    """A function with one answer. One that is not async runs in a thread, which cannot be stopped: its answer is
    dropped when the caller has gone."""

    def __init__(self, function: Callable[..., Any], names: tuple[str, ...]) -> None:
        self._function = function
        self._names = names
        self._is_async = inspect.iscoroutinefunction(function)

    async def value(self, call: Invocation) -> object:
        """What the function returns."""
        arguments = _arguments(self._names, call)
        if self._is_async:
            return await self._function(**arguments)
        return await asyncio.to_thread(self._function, **arguments)


class FunctionEvents:
    """A generator: strings are pieces of the answer, dicts are events and pass as they are."""

    def __init__(self, function: Callable[..., AsyncIterator[Any]], names: tuple[str, ...]) -> None:
        self._function = function
        self._names = names

    async def events(self, call: Invocation) -> AsyncGenerator[object, None]:
        """AG-UI text events around the strings."""
        text = TextWriter()
        source = self._function(**_arguments(self._names, call))
        try:
            async for item in source:
                for event in text.piece(item) if isinstance(item, str) else (*text.end(), item):
                    yield event
            for event in text.end():
                yield event
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()


async def _in_threads(source: Iterator[Any]) -> AsyncGenerator[Any, None]:
    """A generator that is not async, one step at a time in a thread."""
    done = object()
    while (item := await asyncio.to_thread(next, source, done)) is not done:
        yield item
