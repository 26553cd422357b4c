"""The attacker's HTTP client: it sends exactly the bytes it is told to, odd ones too, and keeps what was exchanged.

Used by `lab` and by attacks. It follows no redirect, keeps no cookie, reads no proxy setting, and stops at a size and a
time. It counts requests and refuses to go faster or longer than its `Bounds`.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

import httptools
from msgspec import Struct, field

MAX_ANSWER = 1_048_576
SWITCHED = 101  # the answer to an upgrade is the last one in HTTP
Header = tuple[str, str]


class ProbeError(Exception):
    """The target could not be reached, did not answer, or the bounds of the run are used up."""


class Sent(Struct, frozen=True, kw_only=True):
    """A request as it was sent. `raw` is set when the bytes were written by hand."""

    method: str
    url: str
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    raw: bytes = b""


class Reply(Struct, frozen=True, kw_only=True):
    """An exchange: what was sent and what came back. `status` 0 means that the connection ended without an answer;
    `more` holds the statuses of further answers on the same connection (a second answer to one request is smuggling).
    `seconds` is the time until the answer was whole, or until reading stopped."""

    sent: Sent
    status: int
    headers: tuple[Header, ...] = ()
    body: bytes = b""
    more: tuple[int, ...] = ()
    seconds: float = 0.0

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str:
        """The first header of that name (lower case), or nothing."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class Bounds(Struct, kw_only=True):
    """What a run may do: requests in all, requests per second, seconds in all. `spent` counts requests."""

    requests: int = 50_000
    per_second: float = 0.0
    seconds: float = 600.0
    started: float = field(default_factory=time.monotonic)
    spent: int = 0
    _next: float = 0.0

    async def take(self) -> None:
        """Wait for the rate; raise `ProbeError` when requests or time are used up."""
        now = time.monotonic()
        if self.spent >= self.requests or now - self.started > self.seconds:
            raise ProbeError("the bounds of this run are used up")
        self.spent += 1
        if self.per_second > 0:
            self._next = max(self._next, now) + 1 / self.per_second
            await asyncio.sleep(max(0.0, self._next - now - 1 / self.per_second))


class Wire:
    """Sends requests to the hosts in `hosts` (``host:port``) and to no other."""

    def __init__(self, hosts: frozenset[str], bounds: Bounds, *, timeout: float = 10.0) -> None:
        self._hosts = hosts
        self._bounds = bounds
        self._timeout = timeout

    async def send(
        self,
        method: str,
        url: str,
        headers: Iterable[Header] = (),
        body: bytes = b"",
        *,
        timeout: float | None = None,
    ) -> Reply:
        """One well-formed request with these headers in this order (Host, Content-Length and Connection are added when
        missing). `url` goes out as it is written: nothing is normalised."""
        parts = urlsplit(url)
        given = tuple(headers)
        names = {name.lower() for name, _ in given}
        lines = list(given)
        if "host" not in names:
            lines.insert(0, ("Host", parts.netloc))
        if "connection" not in names:
            lines.append(("Connection", "close"))
        if "content-length" not in names and "transfer-encoding" not in names and (body or method in ("POST", "PUT")):
            lines.append(("Content-Length", str(len(body))))
        target = url.split(parts.netloc, 1)[1] or "/"
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in lines) + "\r\n"
        sent = Sent(method=method, url=url, headers=given, body=body)
        return await self._exchange(parts, head.encode("utf-8", "surrogateescape") + body, sent, timeout)

    async def raw(self, url: str, data: bytes, *, timeout: float | None = None, quiet: float | None = None) -> Reply:
        """Write `data` as it is to the host of `url`, and read until the connection ends, `timeout` is over or, once
        something was answered, nothing came for `quiet` seconds."""
        sent = Sent(method="RAW", url=url, raw=data)
        return await self._exchange(urlsplit(url), data, sent, timeout, quiet=quiet)

    async def open(self, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection, for attacks that write slowly. The caller closes it."""
        parts = urlsplit(url)
        await self._bounds.take()
        return await self._connect(parts)

    async def _exchange(
        self, parts: SplitResult, data: bytes, sent: Sent, timeout: float | None, *, quiet: float | None = None
    ) -> Reply:
        await self._bounds.take()
        answers = _Answers(alone=any(name.lower() == "upgrade" for name, _ in sent.headers))
        started = time.monotonic()
        reader, writer = await self._connect(parts)
        try:
            async with asyncio.timeout(timeout or self._timeout):
                await _written(writer, data)
                piece = await reader.read(65536)
                while piece and not answers.feed(piece):
                    async with asyncio.timeout(quiet):
                        piece = await reader.read(65536)
        except (TimeoutError, OSError):
            pass  # whatever was answered until then is the answer
        finally:
            writer.close()
        return answers.reply(sent, time.monotonic() - started)

    async def _connect(self, parts: SplitResult) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        secure = parts.scheme in ("https", "wss")
        port = parts.port or (443 if secure else 80)
        if f"{parts.hostname}:{port}" not in self._hosts:
            raise ProbeError(f"{parts.hostname}:{port} is not part of the target")
        context = ssl.create_default_context() if secure else None
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.open_connection(parts.hostname, port, ssl=context, limit=MAX_ANSWER)
        except (OSError, TimeoutError) as error:
            raise ProbeError(f"{parts.hostname}:{port} cannot be reached") from error


async def _written(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write it; whoever stops listening in the middle may have answered already."""
    with contextlib.suppress(OSError):
        writer.write(data)
        await writer.drain()


class _Answers:
    """Parses the answers on one connection; keeps the first whole and the statuses of the others. With `alone` the
    first is the last: a refused upgrade leaves a connection open that nobody closes."""

    def __init__(self, *, alone: bool = False) -> None:
        self._alone = alone
        self._parser = httptools.HttpResponseParser(self)
        self.statuses: list[int] = []
        self.headers: list[Header] = []
        self.body = bytearray()
        self.full = False

    def feed(self, piece: bytes) -> bool:
        """Whether that is all that is wanted."""
        try:
            self._parser.feed_data(piece)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.full = True
        if len(self.body) > MAX_ANSWER:
            self.full = True
        return self.full

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.statuses:
            self.headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self.statuses.append(self._parser.get_status_code())

    def on_message_complete(self) -> None:
        self.full = self.full or (self._alone and self.statuses[-1] >= 200)

    def on_body(self, piece: bytes) -> None:
        if len(self.statuses) == 1:
            self.body += piece

    def reply(self, sent: Sent, seconds: float) -> Reply:
        final = [status for status in self.statuses if status >= 200 or status == SWITCHED]
        return Reply(
            sent=sent,
            status=final[0] if final else 0,
            headers=tuple(self.headers),
            body=bytes(self.body),
            more=tuple(final[1:]),
            seconds=seconds,
        )
