"""One connection of the small HTTP client: what goes out, and the reading of what comes back. Used by `http.client`.

It takes an answer for broken whenever its end is not certain.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

import httptools

from doorward.errors import InvalidInput

MAX_HEAD_BYTES = 65_536
HIGH_WATER = 262_144

Headers = Sequence[tuple[str, str]]


class Broken(ConnectionError):
    """The connection was refused, broke off, or said something that is no whole answer."""


def encoded(method: str, target: str, headers: Headers, body: bytes) -> bytes:
    """A request as bytes. `InvalidInput` for anything but printable ASCII: no header can break out of its line."""
    head = f"{method} {target} HTTP/1.1\r\n" + "".join([f"{name}: {value}\r\n" for name, value in headers])
    lines = len(headers) + 1
    # Each line ends with the only CR and LF in it; one look at the whole is cheaper than one at each.
    if not head.isascii() or head.count("\r") != lines or head.count("\n") != lines or "\0" in head or " " in target:
        raise InvalidInput("A header cannot be sent.")
    length = f"content-length: {len(body)}\r\n" if body or method != "GET" else ""
    return f"{head}{length}\r\n".encode("ascii") + body


class Wire(asyncio.Protocol):
    """A kept-alive connection, for one exchange at a time. `on_idle` is told when it can be used again.

    Reading stops while more than 256 KiB lie unread. Data that nobody asked for closes it.
    """

    def __init__(self, on_idle: Callable[["Wire"], None]) -> None:
        self.transport: asyncio.Transport | None = None
        self.usable = False
        self.idle_since = 0.0
        self.status = 0
        self.headers: dict[str, str] = {}
        self._on_idle = on_idle
        self._loop = asyncio.get_running_loop()
        self._parser: httptools.HttpResponseParser | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.headers = {}
        self._head = False
        self._head_bytes = 0
        self._body = bytearray()
        self._whole = False
        self._reusable = False
        self._problem: OSError | None = None
        self._waiting: asyncio.Future[None] | None = None
        self._paused = False

    # --- one exchange

    def idle_for(self) -> float:
        """Seconds since its last exchange."""
        return self._loop.time() - self.idle_since

    def begin(self, request: bytes, timeout: float | None) -> None:
        """Send a request; the whole exchange may take `timeout` seconds, then reading raises `TimeoutError`."""
        self._reset()
        self._parser = httptools.HttpResponseParser(self)
        if timeout is not None:
            self._timer = self._loop.call_later(timeout, self._fail, TimeoutError("The exchange took too long."))
        assert self.transport is not None  # noqa: S101 - made before
        self.transport.write(request)

    async def head(self) -> None:
        """Wait for status and headers."""
        while not self._head:
            await self._news()

    async def read(self) -> bytes:
        """What has arrived of the body; empty at its end. Raises `Broken` or `TimeoutError`."""
        while not self._body:
            if self._whole:
                return b""
            await self._news()
        block = bytes(self._body)
        self._body.clear()
        if self._paused and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
        return block

    @property
    def ended(self) -> bool:
        """Whether the answer has come whole and was read to its end."""
        return self._whole and not self._body

    def release(self) -> None:
        """The exchange is over, once: an answer that came whole leaves a connection for the next one, any other not.

        INVARIANT: a connection is used again only after this, so what is unread never belongs to another exchange.
        """
        if self._reusable and self.usable:
            self._reusable = False
            self._body.clear()
            if self._paused and self.transport is not None:
                self._paused = False
                self.transport.resume_reading()
            self.idle_since = self._loop.time()
            self._on_idle(self)
        elif not self._whole:
            self._fail(Broken("Hung up."))

    def cut(self) -> None:
        """Close the connection, whatever goes on."""
        self._fail(Broken("The client was closed."))

    async def _news(self) -> None:
        if self._problem is not None:
            raise self._problem
        self._waiting = self._loop.create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def _fail(self, problem: OSError) -> None:
        self.usable = False
        if self._problem is None and not self._whole:
            self._problem = problem
        self._stop_clock()
        if self.transport is not None:
            self.transport.abort()
        self._wake()

    def _stop_clock(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- what the transport says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        parser = self._parser
        if parser is None:
            self._fail(Broken("Data that nobody asked for."))
            return
        if not self._head:
            self._head_bytes += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(Broken("Not an HTTP answer."))
            return
        if not self._head and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(Broken("The head of the answer is too large."))
        elif len(self._body) > HIGH_WATER and not self._paused and not self._whole and self.transport is not None:
            self._paused = True
            self.transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        # An answer without a length ends here, as HTTP says; where there was a length, it broke off.
        if exc is None and self._head and self._parser is not None and not self._framed():
            self.on_message_complete()
        self._fail(Broken("The connection broke off."))

    # --- what the parser says

    def on_message_begin(self) -> None:
        """A second answer to one request is none."""
        if self._whole:
            raise Broken("Data that nobody asked for.")

    def on_header(self, name: bytes, value: bytes) -> None:
        """The first of equal names counts."""
        self.headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))

    def on_headers_complete(self) -> None:
        """Interim answers (1xx) are passed over."""
        assert self._parser is not None  # noqa: S101 - it is calling
        self.status = self._parser.get_status_code()
        self._head = self.status >= 200

    def on_body(self, body: bytes) -> None:
        """A piece of the answer."""
        self._body += body

    def on_message_complete(self) -> None:
        """The end of the answer; the connection can be used again if both sides want that."""
        if not self._head:
            self.headers = {}
            return
        self._whole = True
        self._stop_clock()
        parser, self._parser = self._parser, None
        self._reusable = parser is not None and parser.should_keep_alive() and self._framed()
        if not self._reusable and self.transport is not None:
            self.transport.close()

    def _framed(self) -> bool:
        return "content-length" in self.headers or "transfer-encoding" in self.headers
