"""The way to one worker's socket: its secret, its HTTP client, its ping. Whatever kind of process is behind it."""

from http import HTTPStatus
from typing import Protocol

import msgspec

from doorward.http.client import Client, Origin
from doorward.model.secret import Secret
from doorward.runtime.wire import PING, WORKER_HEADER, WORKER_HOST

PING_SECONDS = 5.0
MAX_PING_BYTES = 65_536


class Connection:
    """`exchange` is the HTTP client of the socket; `secret` opens the worker; `suspect` is set when a connection to it
    broke."""

    def __init__(self, socket_path: str, secret: Secret) -> None:
        self.secret = secret
        self.suspect = False
        self.socket_path = socket_path
        self.exchange = Client(Origin(unix=socket_path), connect_timeout=PING_SECONDS, keep_alive=300.0)

    async def ping(self) -> dict[str, object] | None:
        """What the agent says of its health (C1), or None when it does not answer."""
        try:
            headers = [("host", WORKER_HOST), (WORKER_HEADER, self.secret.reveal())]
            response = await self.exchange.send("GET", PING, headers, timeout=PING_SECONDS)
            body = await response.up_to(MAX_PING_BYTES)
            return msgspec.json.decode(body, type=dict[str, object]) if response.status == HTTPStatus.OK else None
        except (OSError, msgspec.DecodeError):
            return None


class Worker(Protocol):
    """A process that serves the agent, as an invocation sees it."""

    secret: Secret
    suspect: bool
    exchange: Client

    @property
    def pid(self) -> int:
        """Its process id."""
        ...
