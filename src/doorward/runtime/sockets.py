"""Unix sockets and a uvicorn that leaves signals, logging and the process alone. Runtime and worker both use it."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn

from doorward.http.asgi import App


def listen(path: str) -> socket.socket:
    """A listening unix socket that only our user can open."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    Path(path).chmod(0o600)
    server.listen(1024)
    server.setblocking(False)
    return server


class EmbeddedServer(uvicorn.Server):
    """Serves an ASGI application inside a running loop and calls `on_ready` once it does."""

    def __init__(self, app: App, *, lifespan: bool = False, on_ready: Callable[[], None] | None = None) -> None:
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="none",
            loop="none",
            lifespan="auto" if lifespan else "off",
            access_log=False,
            proxy_headers=False,
            log_config=None,
            server_header=False,
            date_header=False,
            timeout_keep_alive=3600,
            timeout_graceful_shutdown=2,
        )
        super().__init__(config)
        self._on_ready = on_ready
        self.up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process, not to this server."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.up.set()
        if self._on_ready is not None:
            self._on_ready()
