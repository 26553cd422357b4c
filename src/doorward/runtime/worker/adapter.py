"""What an adapter is: one invocation becomes one value, or AG-UI events; or it is an ASGI application."""

from collections.abc import AsyncGenerator
from contextvars import ContextVar
from typing import Any, Protocol, TypeGuard

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


class ValueAdapter(Protocol):
    """Answers with one JSON value."""

    async def value(self, call: Invocation) -> object: ...


class EventAdapter(Protocol):
    """Answers with events. Anything JSON may be yielded; dicts of AG-UI are what the house reads best."""

    def events(self, call: Invocation) -> AsyncGenerator[object, None]: ...


class AsgiAdapter(Protocol):
    """Serves ``/invocations`` and ``/ping`` itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


Adapter = ValueAdapter | EventAdapter | AsgiAdapter


# By the one method each has: `isinstance` with a protocol costs more than a short run.
def gives_events(adapter: Adapter) -> TypeGuard[EventAdapter]:
    """Whether it answers with events."""
    return hasattr(adapter, "events")


def gives_value(adapter: Adapter) -> TypeGuard[ValueAdapter]:
    """Whether it answers with one value."""
    return hasattr(adapter, "value")


def serves_itself(adapter: Adapter) -> TypeGuard[AsgiAdapter]:
    """Whether it is an ASGI application."""
    return not gives_events(adapter) and not gives_value(adapter)


def prompt_of(payload: object) -> str:
    """The prompt of ``{"prompt": "..."}``. `BadPayload` for anything else: a list or object is not text."""
    prompt = payload.get("prompt") if isinstance(payload, dict) else None
    if not isinstance(prompt, str):
        raise BadPayload('The payload must be {"prompt": "<text>"}.')
    return prompt
