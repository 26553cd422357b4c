"""The bent requests: what they are, and that servers which read them carelessly are found out."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from tests.unit.probe.double import served
from tests.unit.probe.sloppy import Sloppy

from doorward.model.secret import Secret
from doorward.probe.attacks.htp_01_request_smuggling import RequestSmuggling
from doorward.probe.finding import Finding, Result
from doorward.probe.lab import Lab
from doorward.probe.smuggling import mutations
from doorward.probe.target import Account, Chat, Target

pytestmark = pytest.mark.anyio
SECOND = b"GET /second HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
REFUSAL = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
Framing = Callable[[bytes, bytes], int | None]


def test_there_are_more_than_a_thousand_and_always_the_same() -> None:
    made = mutations(SECOND)
    assert len(made) >= 1000
    assert len({one.data for one in made}) == len(made)
    assert made == mutations(SECOND)
    assert all(one.name and SECOND in one.data for one in made)


def test_a_strict_parser_reads_no_second_request_in_any_of_them() -> None:
    """llhttp, without leniencies, refuses each or reads one request: none is a plain pair of requests."""
    for one in mutations(SECOND):
        seen = _Seen()
        try:
            HttpRequestParser(seen).feed_data(b"POST /first HTTP/1.1\r\nHost: a\r\n" + one.data)
        except (HttpParserError, HttpParserUpgrade):
            continue
        assert len(seen.urls) == 1, one


class _Seen:
    def __init__(self) -> None:
        self.urls: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self.urls.append(url)


# -- careless servers -------------------------------------------------------------------------------------------------


def any_coding(head: bytes, _: bytes) -> int | None:
    """Takes whatever has `chunked` in it for chunks, beside a Content-Length too."""
    return None if re.search(rb"transfer-encoding[^\n]*chunked", head, re.IGNORECASE) else length(head)


def first_length(head: bytes, _: bytes) -> int | None:
    """Goes by the first number of the first Content-Length, whatever else there is."""
    return length(head)


def loose_chunks(head: bytes, _: bytes) -> int | None:
    """Chunks only without a Content-Length, but their sizes are read as far as they are digits."""
    return None if re.search(rb"^transfer-encoding: chunked\r$", head, re.IGNORECASE | re.MULTILINE) else length(head)


def strict(head: bytes, body: bytes) -> int | None:
    """Refuses everything but one plain Content-Length."""
    found = re.findall(rb"^content-length: (\d+)\r$", head, re.IGNORECASE | re.MULTILINE)
    plain = len(re.findall(rb"content.length|transfer.encoding", head, re.IGNORECASE)) == len(found) <= 1
    if b"transfer" in head.lower() or not plain or (body and not found):
        raise ValueError
    return int(found[0]) if found else 0


def length(head: bytes) -> int:
    found = re.search(rb"content-length[^\d\n]*(\d+)", head, re.IGNORECASE)
    return int(found[1]) if found else 0


@asynccontextmanager
async def careless(framing: Framing) -> AsyncIterator[Lab]:
    """A server that answers every request it sees with 200, as `framing` lets it see them."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = b""
        try:
            async with asyncio.timeout(3):
                while piece := await reader.read(65536):
                    data += piece
                    data = _answered(data, framing, writer)
                    await writer.drain()
        except (TimeoutError, OSError, ValueError):
            writer.write(REFUSAL)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        users = (Account(token=Secret("token-of-user-one")),)
        yield Lab(Target(name="careless", front_door=url, whoami="/whoami", chat=Chat(path="/chat"), users=users))


def _answered(data: bytes, framing: Framing, writer: asyncio.StreamWriter) -> bytes:
    """Answer what can be seen of requests; what is left."""
    while b"\r\n\r\n" in data:
        head, _, body = data.partition(b"\r\n\r\n")
        size = framing(head + b"\r\n", body)
        size = _chunked(body) if size is None else size
        if len(body) < size:
            return data
        closing = b"connection: close" in head.lower()
        writer.write(ANSWER)
        data = body[size:]
        if closing:
            raise OSError
    return data


def _chunked(body: bytes) -> int:
    """How long a chunked body is, for a reader that stops at what is no digit."""
    at = 0
    while True:
        line, newline, _ = body[at:].partition(b"\n")
        if not newline:
            return len(body) + 1
        found = re.match(rb"\s*(?:0x)?([0-9a-f]+)", line, re.IGNORECASE)
        size = int(found[1], 16) if found else 0
        at += len(line) + 1 + size + 2
        if size == 0:
            return at


@pytest.mark.parametrize("framing", [any_coding, first_length, loose_chunks])
async def test_a_careless_server_is_found_out(framing: Framing) -> None:
    """AP-HTP-01"""
    async with careless(framing) as lab:
        finding = await _attacked(lab)
    assert finding.result is Result.SUCCEEDED, finding
    assert finding.figures["second_answers"] >= 1
    assert any(reply.more for reply in finding.evidence)


async def test_a_strict_server_is_not_accused() -> None:
    """AP-HTP-01"""
    async with careless(strict) as lab:
        finding = await _attacked(lab)
    assert finding.result is Result.BLOCKED, finding


async def test_a_bare_uvicorn_is_judged() -> None:
    """AP-HTP-01: its parser refuses what has two readings."""
    site = Sloppy()
    async with served(site) as url:
        site.url = url
        finding = await _attacked(Lab(site.target()))
    assert finding.result is Result.BLOCKED, finding


async def _attacked(lab: Lab) -> Finding:
    return await RequestSmuggling().run(lab)
