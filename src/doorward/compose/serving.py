"""Serving ASGI apps on sockets until a process is asked to stop, and the traces around them."""

import asyncio
import gc
import socket
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from doorward.http.asgi import App, Receive, Scope, Send
from doorward.http.server import make_server
from doorward.telemetry import traces


class Served(Struct, frozen=True):
    """An app, the socket that it listens on and the protocol that parses for it."""

    app: App
    listener: socket.socket
    protocol: type[HttpToolsProtocol]


async def serve_until(
    stop: asyncio.Event,
    served: Sequence[Served],
    *,
    on_ready: Callable[[], None],
    on_stop: Callable[[], Awaitable[None]],
    grace: float,
) -> None:
    """Serve all until `stop`; then `on_stop` ends open streams, and open requests get `grace` seconds.

    The sockets listen already, so that `on_ready` is true at once: who knocks now waits for the first accept.
    A server that ends by itself stops the others, and its error is raised.
    """
    servers = [make_server(item.app, protocol=item.protocol, grace=grace) for item in served]
    tasks = [
        asyncio.create_task(server.serve(sockets=[item.listener])) for server, item in zip(servers, served, strict=True)
    ]
    stopping = asyncio.create_task(stop.wait())
    on_ready()
    _settle_memory()
    await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    await on_stop()
    for server in servers:
        server.stop()
    await asyncio.gather(*tasks)


def _settle_memory() -> None:
    """What start-up made stays to the end: keep the garbage collector from walking it again and again, which cost a
    tenth of each turn. Little of what a request makes is cyclic, so collections can also be rarer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def traced(name: str, app: App) -> App:
    """`app` with a span around each request, under the caller's when it sent one. Without a tracer, `app` as it is."""
    if not traces.tracing():
        return app

    async def observed(scope: Scope, receive: Receive, send: Send) -> None:
        parent = next(
            (value.decode("latin-1") for key, value in scope.get("headers", ()) if key == b"traceparent"), None
        )
        with traces.span(name, parent=parent):
            await app(scope, receive, send)

    return observed
