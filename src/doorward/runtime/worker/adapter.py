"""What an adapter is: one invocation becomes one value, or AG-UI events; or it is an ASGI application."""

from collections.abc import AsyncGenerator
from contextvars import ContextVar
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from doorward.http.asgi import Receive, Scope, Send

Event = dict[str, Any]


class Invocation(Struct, frozen=True, kw_only=True):
    """One call of the agent. `session_id` belongs to one owner alone; `handle` opens its state while it runs."""

    payload: Any
    session_id: str
    handle: str
    user: str
    turn_id: str


class BadPayload(Exception):
    """The payload is not what this agent takes; the text is safe to answer."""


# Runs are concurrent: what belongs to one run travels with its task.
present: ContextVar[Invocation] = ContextVar("doorward_invocation")


@runtime_checkable
class ValueAdapter(Protocol):
    """Answers with one JSON value."""

    async def value(self, call: Invocation) -> object: ...


@runtime_checkable
class EventAdapter(Protocol):
    """Answers with events. Anything JSON may be yielded; dicts of AG-UI are what the house reads best."""

    def events(self, call: Invocation) -> AsyncGenerator[object, None]: ...


@runtime_checkable
class AsgiAdapter(Protocol):
    """Serves ``/invocations`` and ``/ping`` itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


Adapter = ValueAdapter | EventAdapter | AsgiAdapter


def prompt_of(payload: object) -> str:
    """The prompt of ``{"prompt": "..."}``. `BadPayload` for anything else: a list or object is not text."""
    prompt = payload.get("prompt") if isinstance(payload, dict) else None
    if not isinstance(prompt, str):
        raise BadPayload('The payload must be {"prompt": "<text>"}.')
    return prompt
