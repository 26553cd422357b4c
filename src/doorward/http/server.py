"""A uvicorn server without surprises: our protocol, no logs of its own, no headers of its own, no signal handlers.

`compose` makes one per port, calls `serve(sockets=[...])` in the loop, and stops it with `should_exit = True`.
"""

import contextlib
import math
from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from doorward.http.asgi import App


class QuietServer(uvicorn.Server):
    """uvicorn's server, which leaves signals to whoever runs the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Take no new connections, let open requests finish within the grace, then return from `serve`."""
        self.should_exit = True


def make_server(app: App, *, protocol: type[HttpToolsProtocol], grace: float = 5.0, backlog: int = 2048) -> QuietServer:
    """A server for `app`; `grace` is in seconds, for requests that are open when it stops.

    Call ``await server.serve(sockets=[listening_socket])``; sockets are closed when it returns.
    """
    return QuietServer(
        uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=backlog,
            timeout_graceful_shutdown=math.ceil(grace),
        )
    )
