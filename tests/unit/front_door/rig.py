"""A front door on a real server, with a verifier and a ledger in memory, and a raw client that sends any bytes."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from doorward.errors import StoreUnavailable, Unauthenticated
from doorward.front_door.check import Parts
from doorward.front_door.door import FrontDoor
from doorward.http.asgi import App
from doorward.http.protocol import ProtocolLimits, protocol_with, strict_protocol
from doorward.http.request import Request
from doorward.http.response import Response, event_stream, json_response
from doorward.http.routes import Access, Route
from doorward.http.server import make_server
from doorward.model.ledger import LedgerEntry
from doorward.model.principals import User
from doorward.model.secret import Secret
from doorward.model.settings import FrontDoorSettings
from doorward.model.sign_in import BrowserSession

ISSUER = "https://issuer.example"
USERS = {
    "alice-token": User(issuer=ISSUER, subject="1", username="alice"),
    "bob-token": User(issuer=ISSUER, subject="2", username="bob"),
    "root-token": User(issuer=ISSUER, subject="3", username="root", roles=frozenset({"operator"})),
}


class Tokens:
    """Knows three tokens."""

    async def verify(self, token: str) -> User:
        if token not in USERS:
            raise Unauthenticated("The token does not hold.", code="token_signature")
        return USERS[token]


class Sessions:
    """Knows one cookie, `s=alice`."""

    async def find(self, cookie_header: str) -> BrowserSession | None:
        if cookie_header != "s=alice":
            return None
        return BrowserSession(
            id_hash="x", issuer=ISSUER, subject="1", username="alice", email=None, roles=frozenset(),
            csrf_token=Secret("csrf"), id_token=Secret("i"), access_token=Secret("a"), refresh_token=None,
            created_at=0.0, expires_at=4e9,
        )  # fmt: skip


class Entries:
    """A ledger that keeps its entries in a list, or fails."""

    def __init__(self) -> None:
        self.entries_: list[LedgerEntry] = []
        self.broken = False

    def enqueue(self, entry: LedgerEntry) -> None:
        if self.broken:
            raise StoreUnavailable("The ledger cannot be written.")
        self.entries_.append(entry)


class Message(Struct, frozen=True, forbid_unknown_fields=True):
    message: str
    name: str = ""
    count: int = 0


class PassedOn:
    """Another's chunks: an iterator that can be closed, and no generator, so that nothing else ends it."""

    def __init__(self, handlers: "Handlers") -> None:
        self._handlers = handlers
        self._left = [b"data: 1\n\n"]

    def __aiter__(self) -> "PassedOn":
        return self

    async def __anext__(self) -> bytes:
        if not self._left:
            await self._handlers.release.wait()
            raise StopAsyncIteration
        return self._left.pop()

    async def aclose(self) -> None:
        self._handlers.streams_closed += 1


class Handlers:
    """Handlers that count how often they ran."""

    def __init__(self) -> None:
        self.runs = 0
        self.release = asyncio.Event()
        self.streams_closed = 0

    async def echo(self, request: Request) -> Response:
        self.runs += 1
        body = msgspec.to_builtins(request.body) if request.body is not None else request.form
        user = request.user.username if request.user else None
        return json_response({"user": user, "body": body, "address": request.address, "params": request.params})

    async def broken(self, request: Request) -> Response:
        raise RuntimeError("canary-internal-detail")

    async def wait(self, request: Request) -> Response:
        self.runs += 1
        await self.release.wait()
        return json_response({})

    async def big(self, request: Request) -> Response:
        return Response(headers=[(b"content-type", b"text/plain")], body=b"x" * 50_000_000)

    async def stream(self, request: Request) -> Response:
        self.runs += 1
        return event_stream(self._chunks())

    async def passed_on(self, request: Request) -> Response:
        return event_stream(PassedOn(self))

    async def _chunks(self) -> AsyncIterator[bytes]:
        try:
            yield b"data: 1\n\n"
            await self.release.wait()
            yield b"data: 2\n\n"
        finally:
            self.streams_closed += 1

    async def breaking(self, request: Request) -> Response:
        return event_stream(self._broken_chunks())

    async def breaking_file(self, request: Request) -> Response:
        return Response(headers=[(b"content-type", b"text/plain")], chunks=self._broken_chunks())

    async def _broken_chunks(self) -> AsyncIterator[bytes]:
        yield b"data: 1\n\n"
        raise RuntimeError("canary-internal-detail")

    def routes(self) -> list[Route]:
        user, public, operator = Access.USER, Access.PUBLIC, Access.OPERATOR
        return [
            Route(method="GET", path="/", handler=self.echo, access=public),
            Route(method="GET", path="/api/me", handler=self.echo, access=user, query=("q",)),
            Route(method="GET", path="/api/things/{thing}", handler=self.echo, access=user),
            Route(method="POST", path="/api/chat", handler=self.echo, access=user, body=Message, prompt=("message",)),
            Route(method="POST", path="/api/wait", handler=self.wait, access=user, turn=True),
            Route(method="GET", path="/api/stream", handler=self.stream, access=user, stream=True),
            Route(method="GET", path="/api/passed-on", handler=self.passed_on, access=user, stream=True),
            Route(method="GET", path="/api/admin", handler=self.echo, access=operator),
            Route(method="GET", path="/open", handler=self.echo, access=public, query=("code", "*")),
            Route(method="GET", path="/broken", handler=self.broken, access=public),
            Route(method="GET", path="/breaking", handler=self.breaking, access=public),
            Route(method="GET", path="/breaking-file", handler=self.breaking_file, access=public),
            Route(method="GET", path="/big", handler=self.big, access=public),
            Route(method="POST", path="/token", handler=self.echo, access=public, form=("code",), any_origin=True),
            Route(method="POST", path="/login", handler=self.echo, access=public, form=("username", "password")),
        ]  # fmt: skip


class Rig:
    """A front door that is up: its port, what its handlers did, what its ledger holds."""

    def __init__(self, port: int, door: FrontDoor, handlers: Handlers, ledger: Entries) -> None:
        self.port = port
        self.door = door
        self.handlers = handlers
        self.ledger = ledger
        self.url = f"http://127.0.0.1:{port}"

    async def send(self, *parts: bytes, until_close: float = 2.0) -> bytes:
        """Send raw bytes and read to the end of the connection, at most `until_close` seconds of silence."""
        return await talk(self.port, *parts, until_close=until_close)

    async def request(self, method: str, path: str, *headers: str, body: bytes | None = None) -> "Reply":
        """One well-formed request on a connection of its own."""
        lines = [f"{method} {path} HTTP/1.1", *headers, "Connection: close"]
        if not any(line.lower().startswith("host:") for line in headers):
            lines.insert(1, f"Host: 127.0.0.1:{self.port}")
        if body is not None and not any(line.lower().startswith("content-length") for line in headers):
            lines.append(f"Content-Length: {len(body)}")
        return Reply(await self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")))

    async def json(self, path: str, value: Any, *headers: str) -> "Reply":
        return await self.request(
            "POST", path, "Content-Type: application/json", *headers, body=msgspec.json.encode(value)
        )


class Reply:
    """A parsed answer."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        head, _, self.body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split(" ")[1]) if lines[0] else 0
        self.headers: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(": ")
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self.headers else value

    @property
    def code(self) -> str:
        """The stable code of a problem."""
        return str(self.json["code"])

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


async def talk(port: int, *parts: bytes, until_close: float = 2.0) -> bytes:
    """Send the parts one after the other and return all that comes back."""
    received = b""
    async with connected(port) as (reader, writer):
        with contextlib.suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
        with contextlib.suppress(ConnectionError, TimeoutError):
            async with asyncio.timeout(until_close):
                while data := await reader.read(65536):
                    received += data
    return received


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A raw connection, closed at the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(app: App, limits: ProtocolLimits | None = None) -> AsyncIterator[int]:
    """Serve an app on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        protocol = protocol_with(limits) if limits else strict_protocol()
        server = make_server(app, protocol=protocol, grace=1.0)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            async with asyncio.timeout(5):
                while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
                    await asyncio.sleep(0)
            yield int(listener.getsockname()[1])
        finally:
            server.force_exit = True
            server.stop()
            await task


@contextlib.asynccontextmanager
async def front_door(
    *, limits: ProtocolLimits | None = None, observers: Iterable[Any] = (), **settings: Any
) -> AsyncIterator[Rig]:
    """A front door with these settings."""
    handlers, ledger = Handlers(), Entries()
    parts = Parts(
        settings=FrontDoorSettings(**settings),
        public_url="http://127.0.0.1:8000",
        verifier=Tokens(),
        ledger=ledger,  # type: ignore[arg-type]
        sessions=Sessions(),
        observers=tuple(observers),
    )
    door = FrontDoor(handlers.routes(), parts)
    async with serving(door, limits) as port:
        rig = Rig(port, door, handlers, ledger)
        try:
            yield rig
        finally:
            handlers.release.set()


ALICE = "Authorization: Bearer alice-token"
BOB = "Authorization: Bearer bob-token"
