"""A small HTTP/1.1 client for the way inside: one origin, kept connections, no redirects, no cookies, no retries.

The agent door's caller and the runtime's way to its worker use it: it costs a third of a general client. Everything
else that is fetched goes through aiohttp.
"""

import asyncio
import ssl
import weakref
from collections.abc import AsyncIterator

from msgspec import Struct

from doorward.http.client_wire import Broken, Headers, Wire, encoded

_MOST_IDLE = 256


class NotConnected(Broken):
    """There was no connection, so nothing was sent."""


class ConnectTimeout(NotConnected):
    """The connection was not taken in time."""


class Origin(Struct, frozen=True, kw_only=True):
    """Where a client connects: a unix socket's path, or host and port, with TLS or without."""

    unix: str = ""
    host: str = ""
    port: int = 0
    tls: bool = False


class Answer(AsyncIterator[bytes]):
    """An answer whose head is here: `status`, `headers` (lower case, the first of equal names), then the body's pieces.

    `read` raises `Broken` (a `ConnectionError`) when the answer breaks off and `TimeoutError` when its time is over.
    """

    __slots__ = ("_wire", "headers", "status")

    def __init__(self, wire: Wire) -> None:
        self.status = wire.status
        self.headers = wire.headers
        self._wire: Wire | None = wire

    async def read(self) -> bytes:
        """What has arrived; empty at the end."""
        if self._wire is None:
            return b""
        try:
            block = await self._wire.read()
        except BaseException:
            self.hang_up()
            raise
        if self._wire is not None and self._wire.ended:
            self.hang_up()
        return block

    async def __anext__(self) -> bytes:
        block = await self.read()
        if not block:
            raise StopAsyncIteration
        return block

    async def up_to(self, limit: int) -> bytes:
        """At most `limit` bytes of the body; then hangs up."""
        found = bytearray()
        while len(found) < limit and (block := await self.read()):
            found += block
        self.hang_up()
        return bytes(found[:limit])

    def hang_up(self) -> None:
        """Be done with it. Before its end this closes the connection. May be said twice."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.release()


class Client:
    """Exchanges with one origin, each on a connection of its own; as many at once as are asked for.

    `connect_timeout` and `keep_alive` are in seconds: a connection that was idle for longer is not used again, so keep
    it shorter than the server's. Make it anywhere, use it in one event loop.
    """

    def __init__(self, origin: Origin, *, connect_timeout: float, keep_alive: float) -> None:
        self._origin = origin
        self._connect_timeout = connect_timeout
        self._keep_alive = keep_alive
        self._tls = ssl.create_default_context() if origin.tls else None
        self._idle: list[Wire] = []
        self._wires: weakref.WeakSet[Wire] = weakref.WeakSet()

    async def send(
        self, method: str, target: str, headers: Headers, body: bytes = b"", *, timeout: float | None
    ) -> Answer:
        """One request; returns with the head of its answer. `headers` must hold ``host``; ``content-length`` is ours.

        `timeout` (seconds) covers everything up to the end of the body. Raises `NotConnected`, `TimeoutError`, `Broken`
        and, for what cannot be put into a request, `InvalidInput`.
        """
        request = encoded(method, target, headers, body)
        wire = self._take() or await self._connect()
        try:
            wire.begin(request, timeout)
            await wire.head()
        except BaseException:
            wire.release()
            raise
        return Answer(wire)

    def close(self) -> None:
        """Close every connection; who waits for an answer gets `Broken`."""
        self._idle.clear()
        for wire in list(self._wires):
            wire.cut()

    def _take(self) -> Wire | None:
        """The connection that was used last, if it is still good."""
        while self._idle:
            wire = self._idle.pop()
            if wire.usable and wire.transport is not None and not wire.transport.is_closing():
                if wire.idle_for() < self._keep_alive:
                    return wire
                wire.transport.close()
        return None

    def _give_back(self, wire: Wire) -> None:
        if len(self._idle) < _MOST_IDLE:
            self._idle.append(wire)
        elif wire.transport is not None:
            wire.transport.close()

    async def _connect(self) -> Wire:
        loop = asyncio.get_running_loop()
        origin = self._origin
        try:
            async with asyncio.timeout(self._connect_timeout):
                if origin.unix:
                    _, wire = await loop.create_unix_connection(lambda: Wire(self._give_back), origin.unix)
                else:
                    _, wire = await loop.create_connection(
                        lambda: Wire(self._give_back), origin.host, origin.port, ssl=self._tls
                    )
        except TimeoutError:
            raise ConnectTimeout("The connection was not taken in time.") from None
        except OSError as error:
            raise NotConnected(f"There is no connection: {type(error).__name__}.") from error
        self._wires.add(wire)
        return wire
