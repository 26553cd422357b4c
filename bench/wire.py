"""A small HTTP/1.1 client on asyncio streams: whole answers on a kept connection, and event streams as they arrive."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from msgspec import Struct, field

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Target(Struct, frozen=True):
    """One request that is sent again and again; with `paths`, to each of them in turn (under wrk only)."""

    url: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    paths: tuple[str, ...] = ()

    def encoded(self) -> bytes:
        """The request on the wire."""
        parts = urlsplit(self.url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        fields = {"host": parts.netloc, "content-type": "application/json", **self.headers}
        if self.method == "POST":
            fields["content-length"] = str(len(self.body))
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        return f"{self.method} {path or '/'} HTTP/1.1\r\n{head}\r\n".encode() + self.body


@contextlib.asynccontextmanager
async def connected(target: Target) -> AsyncIterator[Streams]:
    """A connection to the target's host."""
    parts = urlsplit(target.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 20)
    try:
        yield reader, writer
    finally:
        writer.close()


async def exchange(target: Target, streams: Streams) -> tuple[int, bytes]:
    """Send the request and read its answer, which has a length: the status and the body."""
    reader, writer = streams
    writer.write(target.encoded())
    head = await reader.readuntil(b"\r\n\r\n")
    return int(head[9:12]), await reader.readexactly(_length(head))


async def events(target: Target, streams: Streams) -> AsyncIterator[bytes]:
    """Send the request and give the pieces of the stream as they arrive, to its end. Chunk sizes are left in."""
    reader, writer = streams
    writer.write(target.encoded())
    head = await reader.readuntil(b"\r\n\r\n")
    if head[9:12] != b"200":
        raise RuntimeError(f"{target.url}: {head[:200]!r} {await reader.read(300)!r}")
    last = b""
    while piece := await reader.read(1 << 18):
        last = (last + piece)[-7:]
        yield piece
        if last.endswith(b"\r\n0\r\n\r\n"):
            return
    raise RuntimeError(f"{target.url}: the stream broke off")


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    raise RuntimeError(f"an answer without length: {head!r}")
