"""A request, read once: headers without ambiguity, the split path, a body with a size limit and a deadline."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from doorward.errors import InvalidInput
from doorward.http.asgi import Message, Receive, Scope
from doorward.http.departure import disconnected
from doorward.model.principals import User


class BodyTooLarge(InvalidInput):
    """The body is larger than this route takes."""

    code = "body_too_large"
    status = 413


class BodyTimeout(InvalidInput):
    """The body did not arrive within its deadline."""

    code = "body_timeout"
    status = 408


class ClientGone(Exception):
    """The client closed the connection; there is nobody to answer."""


class Request:
    """One request on its way through a door. Checks fill in `id`, `address`, `segments`, `params`, `user`, `body`."""

    __slots__ = (
        "_on_close",
        "_receive",
        "address",
        "body",
        "form",
        "headers",
        "id",
        "method",
        "params",
        "peer",
        "query_string",
        "raw_headers",
        "raw_path",
        "response_headers",
        "scheme",
        "segments",
        "session",
        "user",
    )

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._receive = receive
        self._on_close: list[Callable[[], None]] = []
        self.method: str = scope["method"]
        self.scheme: str = scope.get("scheme", "http")
        self.raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
        self.query_string: bytes = scope["query_string"]
        self.raw_headers: list[tuple[bytes, bytes]] = scope["headers"]
        self.headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in self.raw_headers
        }
        self.peer: str = scope["client"][0] if scope.get("client") else ""
        self.address: str = self.peer
        self.id: str = ""
        self.segments: tuple[str, ...] = ()
        self.params: dict[str, str] = {}
        self.user: User | None = None
        self.session: Any = None
        self.body: Any = None
        self.form: dict[str, str] = {}
        self.response_headers: list[tuple[bytes, bytes]] = []

    def header_values(self, name: str) -> list[str]:
        """All values of a header, in order; `name` in lower case."""
        wanted = name.encode()
        return [value.decode("latin-1") for key, value in self.raw_headers if key == wanted]

    def query(self) -> dict[str, str]:
        """The query's parameters. `InvalidInput` (``duplicate_parameter``) when one is given twice."""
        try:
            pairs = parse_qsl(
                self.query_string.decode("ascii"), keep_blank_values=True, max_num_fields=50, errors="strict"
            )
        except (UnicodeDecodeError, ValueError):
            raise InvalidInput("The query string cannot be read.", code="invalid_query") from None
        found = dict(pairs)
        if len(found) != len(pairs):
            raise InvalidInput("A query parameter is given twice.", code="duplicate_parameter")
        return found

    def wants_stream(self) -> bool:
        """Whether Accept names ``text/event-stream`` (RFC 9110 section 12.5.1), written in lower case."""
        parts = self.headers.get("accept", "").split(",")
        return any(part.partition(";")[0].strip() == "text/event-stream" for part in parts)

    async def read_body(self, *, limit: int, timeout: float) -> bytes:
        """The whole body: at most `limit` bytes (`BodyTooLarge`) within `timeout` seconds (`BodyTimeout`)."""
        message = await self._next(timeout)
        first: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            if len(first) > limit:
                raise BodyTooLarge(f"The body is larger than {limit} bytes.")
            return first
        return await self._read_rest(first, limit, timeout)

    async def _read_rest(self, first: bytes, limit: int, timeout: float) -> bytes:
        body = bytearray(first)
        deadline = asyncio.get_running_loop().time() + timeout
        while True:
            if len(body) > limit:
                raise BodyTooLarge(f"The body is larger than {limit} bytes.")
            message = await self._next(deadline - asyncio.get_running_loop().time())
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        if len(body) > limit:
            raise BodyTooLarge(f"The body is larger than {limit} bytes.")
        return bytes(body)

    async def _next(self, timeout: float) -> Message:
        try:
            async with asyncio.timeout(timeout):
                message = await self._receive()
        except TimeoutError:
            raise BodyTimeout("The body did not arrive in time.") from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        return message

    async def disconnected(self) -> None:
        """Return when the client has gone away. Call it only after the body has been read."""
        await disconnected(self._receive)

    def on_close(self, callback: Callable[[], None]) -> None:
        """Call back once when the answer is finished, however it ends."""
        self._on_close.append(callback)

    def close(self) -> None:
        """Run the callbacks of `on_close`, last first."""
        while self._on_close:
            self._on_close.pop()()
