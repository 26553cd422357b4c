"""A listener of the probe's own on loopback: a target that fetches from it was told to by a token.

The attacks AP-JWT-04 and AP-JWT-07 use it. It answers GET with prepared documents, counts, and refuses all else.
"""

import asyncio
from collections.abc import Mapping
from typing import Self

MAX_FETCHES = 1000
_READ_SECONDS = 2.0


class Listener:
    """``async with Listener() as listener``: `url` is where it is, `fetched` the paths that were asked for so far. Set
    `documents` (path -> body) to what it shall answer."""

    def __init__(self) -> None:
        self.documents: Mapping[str, bytes] = {}
        self.fetched: list[str] = []
        self.url = ""
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0, limit=16384)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_READ_SECONDS):
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                path = head.split(" ", 2)[1] if head.count(" ") >= 2 else ""
                self._note(path)
                body = self.documents.get(path)
                status = "404 Not Found" if body is None else "200 OK"
                writer.write(_head(status, len(body or b"")) + (body or b""))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self._note("")  # whoever connects without asking was sent here as well
        finally:
            writer.close()

    def _note(self, path: str) -> None:
        if len(self.fetched) < MAX_FETCHES:
            self.fetched.append(path)


def _head(status: str, length: int) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    return head.encode()
