"""The agent alone, as AgentCore Runtime runs it: its file behind the container contract on port 8080, and nothing else.

The agent's package for AWS begins here (`deploy/aws/files/main.py.template`). Who may call is AWS's business: the
runtime's resource policy admits one role. Checkpoints go to AgentCore Memory where ``agent.memory`` names one.
"""

import asyncio
import importlib
import os
import secrets
import signal
import socket
from collections.abc import Callable
from typing import Any

from doorward.compose.settings import load
from doorward.errors import Unauthenticated
from doorward.http.asgi import App, Receive, Scope, Send
from doorward.identity.turn_tokens import stated
from doorward.model.principals import User
from doorward.model.settings import AgentSettings
from doorward.runtime.limits import limits_of
from doorward.runtime.sockets import EmbeddedServer
from doorward.runtime.wire import (
    INVOCATIONS,
    OWN_HEADERS,
    PING,
    TURN_HEADER,
    TURN_TOKEN_HEADER,
    USER_HEADER,
    WORKER_HEADER,
    WorkerConfig,
)
from doorward.runtime.worker.adapter import Adapter, serves_itself
from doorward.runtime.worker.adapters import adapter_for, is_factory, is_graph
from doorward.runtime.worker.load import load_agent
from doorward.runtime.worker.serve import Shim
from doorward.runtime.worker.titles import Titles
from doorward.telemetry.logs import configure_logs

PORT = 8080


def main(file: str, attribute: str = "", *, port: int = PORT, on_ready: Callable[[], None] | None = None) -> None:
    """Serve the agent in `file` until SIGTERM or SIGINT. Raises `AgentFileError` for a file that cannot be hosted."""
    settings = load().settings
    configure_logs("agent", level=settings.telemetry.log_level, as_json=True)
    app, lifespan = container(file, attribute, settings.agent)
    # AgentCore's microVM has no other door than this port, and its network is its own.
    listener = socket.create_server(("0.0.0.0", port))  # noqa: S104
    asyncio.run(_serve(EmbeddedServer(app, lifespan=lifespan, on_ready=on_ready), listener))


def container(file: str, attribute: str, settings: AgentSettings) -> tuple[App, bool]:
    """The ASGI application, and whether it wants to hear of its lifespan."""
    config = WorkerConfig(
        secret=secrets.token_urlsafe(32),
        socket="",
        state_socket="",
        report=-1,
        parent=os.getppid(),
        file=file,
        attribute=attribute,
        model=settings.model,
        model_url=settings.model_url,
        model_key=True,
        limits=limits_of(settings),
    )
    adapter = _adapter(load_agent(file, attribute), config, settings)
    shim = Shim(adapter, Titles(config), config.secret)
    return Container(shim, config.secret), serves_itself(adapter)


def _adapter(agent: Any, config: WorkerConfig, settings: AgentSettings) -> Adapter:  # noqa: ANN401 - the agent's own
    """A graph gets a checkpointer; anything else keeps what it remembers itself."""
    if not (is_graph(agent) or is_factory(agent)):
        return adapter_for(agent, config)
    hosting = importlib.import_module("doorward.runtime.worker.langgraph")
    return hosting.remembering(agent, config, _checkpointer(settings))  # type: ignore[no-any-return]


def _checkpointer(settings: AgentSettings) -> Any:  # noqa: ANN401 - naming its class would import LangGraph
    """AgentCore Memory, or the microVM's own memory, which lives as long as the session does (8 hours at most)."""
    if not settings.memory:
        return importlib.import_module("langgraph.checkpoint.memory").InMemorySaver()
    saver = importlib.import_module("doorward.runtime.worker.memory_saver").NamedMemorySaver
    return saver(settings.memory, region_name=settings.region)


class Container:
    """Says to the shim who a turn is for. No header of ours is believed from outside, and only two paths are there."""

    def __init__(self, shim: Shim, secret: str) -> None:
        self._shim = shim
        self._secret = secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"] if scope["path"] in (INVOCATIONS, PING) else "/"
            own = OWN_HEADERS.encode()
            headers = [(name, value) for name, value in scope["headers"] if not name.startswith(own)]
            named = [*headers, (WORKER_HEADER.encode(), self._secret), *_turn(dict(headers))]
            scope = {**scope, "path": path, "headers": named}
        await self._shim(scope, receive, send)


def _turn(headers: dict[bytes, bytes]) -> list[tuple[bytes, bytes]]:
    token = headers.get(TURN_TOKEN_HEADER.encode(), b"").decode("latin-1")
    if not token:
        return []
    try:
        issuer, subject, turn_id = stated(token)
    except Unauthenticated:
        return []
    owner = User(issuer=issuer, subject=subject, username="").key
    return [(USER_HEADER.encode(), owner.encode()), (TURN_HEADER.encode(), turn_id.encode())]


async def _serve(server: EmbeddedServer, listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, setattr, server, "should_exit", True)
    await server.serve(sockets=[listener])
