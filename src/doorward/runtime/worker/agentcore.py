"""Hosts an application of the AgentCore SDK, unmodified: it is an ASGI application and serves the contract itself."""

import gc

from doorward.http.asgi import App, Message, Receive, Scope, Send
from doorward.runtime.wire import OWN_HEADERS


class AgentCoreAdapter:
    """Passes requests on without our own headers, which are none of the agent's business."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        own = OWN_HEADERS.encode()
        kept = [(name, value) for name, value in scope["headers"] if not name.startswith(own)]
        complete = False

        async def sending(message: Message) -> None:
            nonlocal complete
            await send(message)
            complete = message["type"] == "http.response.body" and not message.get("more_body", False)

        await self._app({**scope, "headers": kept}, receive, sending)
        if not complete:
            # The SDK ends a run whose caller has gone when its generator is collected; it sits in a reference cycle.
            # What was there at start-up is frozen, so this is quick.
            gc.collect()
