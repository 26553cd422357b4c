"""Hosts an application of the AgentCore SDK, unmodified: it is an ASGI application and serves the contract itself."""

from doorward.http.asgi import App, Receive, Scope, Send
from doorward.runtime.wire import OWN_HEADERS


class AgentCoreAdapter:
    """Passes requests on without our own headers, which are none of the agent's business."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            own = OWN_HEADERS.encode()
            kept = [(name, value) for name, value in scope["headers"] if not name.startswith(own)]
            scope = {**scope, "headers": kept}
        await self._app(scope, receive, send)
