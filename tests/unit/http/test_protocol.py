"""The strict protocol, over raw sockets."""

import asyncio
import contextlib

import pytest
from tests.unit.front_door.rig import Reply, connected, serving, talk

from doorward.http.asgi import Receive, Scope, Send
from doorward.http.departure import disconnected
from doorward.http.protocol import ProtocolLimits

pytestmark = pytest.mark.anyio

HOST = b"Host: a\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST


class App:
    """Answers 200 with the path, counts its runs; `/read` reads the body first, `/big` says when its client is gone."""

    def __init__(self) -> None:
        self.runs = 0
        self.gone = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.runs += 1
        if scope["path"] == "/read":
            while (message := await receive())["type"] == "http.request" and message["more_body"]:
                pass
            if message["type"] == "http.disconnect":
                return
        body = b"x" * 50_000_000 if scope["path"] == "/big" else scope["raw_path"]
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        big = scope["path"] == "/big"
        await send({"type": "http.response.body", "body": body, "more_body": big})
        if big:
            await disconnected(receive)
            self.gone.set()


async def once(data: bytes, limits: ProtocolLimits | None = None) -> tuple[Reply, App]:
    app = App()
    async with serving(app, limits) as port:
        return Reply(await talk(port, data, until_close=1.0)), app


async def test_a_plain_request_is_answered_with_its_raw_path_and_no_header_of_the_server() -> None:
    reply, _ = await once(b"GET /a%20b?c HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert (reply.status, reply.body) == (200, b"/a%20b")
    assert set(reply.headers) == {"content-length", "connection"}


@pytest.mark.parametrize(
    ("name", "data", "status", "code"),
    [
        ("1.0", b"GET / HTTP/1.0\r\n" + HOST + b"\r\n", 505, "http_version"),
        ("0.9", b"GET /\r\n\r\n", 505, "http_version"),
        ("2.0", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505, "http_version"),
        ("2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "malformed_request"),
        ("absolute form", b"GET http://b/ HTTP/1.1\r\n" + HOST + b"\r\n", 400, "request_target"),
        ("authority form", b"CONNECT b:80 HTTP/1.1\r\n" + HOST + b"\r\n", 400, "request_target"),
        ("asterisk form", b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 400, "request_target"),
        ("fragment", b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", 400, "request_target"),
        ("no host", b"GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, "host_header"),
        ("no header", b"GET / HTTP/1.1\r\n\r\n", 400, "host_header"),
        ("two hosts", b"GET / HTTP/1.1\r\n" + HOST + b"Host: b\r\n\r\n", 400, "repeated_header"),
        ("underscore", b"GET / HTTP/1.1\r\n" + HOST + b"x_user: 1\r\n\r\n", 400, "header_name"),
        ("folded", b"GET / HTTP/1.1\r\n" + HOST + b"A: b\r\n c\r\n\r\n", 400, "malformed_request"),
        ("space before colon", b"GET / HTTP/1.1\r\n" + HOST + b"A : b\r\n\r\n", 400, "malformed_request"),
        ("bare LF", b"GET / HTTP/1.1\nHost: a\n\n", 400, "malformed_request"),
        ("bare CR", b"GET / HTTP/1.1\r\nHost: a\rB: c\r\n\r\n", 400, "malformed_request"),
        ("NUL", b"GET / HTTP/1.1\r\nHost: a\0\r\n\r\n", 400, "malformed_request"),
        ("h2c", b"GET / HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n", 400, "upgrade_refused"),
        ("websocket", b"GET / HTTP/1.1\r\n" + HOST + b"Upgrade: websocket\r\n\r\n", 400, "upgrade_refused"),
        ("expectation", b"GET / HTTP/1.1\r\n" + HOST + b"Expect: 200-ok\r\n\r\n", 417, "expectation"),
        ("gzip", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400, "transfer_encoding"),
        ("long url", b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414, "url_too_long"),
        ("long header", b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 20000 + b"\r\n\r\n", 431, "headers_too_large"),
        ("many headers", POST + b"".join(b"A%d: b\r\n" % n for n in range(70)) + b"\r\n", 431, "headers_too_large"),
        ("endless header", b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 60000, 431, "headers_too_large"),
    ],
)  # fmt: skip
async def test_what_could_be_read_in_two_ways_is_refused_with_a_problem(
    name: str, data: bytes, status: int, code: str
) -> None:
    """AP-HTP-01, AP-HTP-02, AP-HTP-06."""
    reply, app = await once(data)
    assert (reply.status, reply.code) == (status, code)
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers["connection"] == "close"
    assert app.runs == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"1;" + b"x" * 4000 + b"\r\na\r\n0\r\n\r\n", "chunk_extensions"),
        (b"0\r\nX-User: root\r\n\r\n", "trailers_refused"),
        (b"1\r\na\r\n" * 3000, "chunks_too_small"),
        (b"0x1\r\na\r\n0\r\n\r\n", "malformed_request"),
        (b"1\na\n0\n\n", "malformed_request"),
        (b"ffffffffffffffff1\r\n", "malformed_request"),
    ],
)
async def test_a_chunked_body_has_no_second_meaning(body: bytes, code: str) -> None:
    """AP-HTP-06."""
    reply, _ = await once(b"POST /read HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + body)
    assert (reply.status, reply.code) == (400, code)


async def test_a_chunked_body_that_is_plain_is_read() -> None:
    reply, _ = await once(
        b"POST /read HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\n\r\n"
    )
    assert reply.status == 200


async def test_a_second_request_in_the_same_breath_is_not_read_and_one_after_the_answer_is() -> None:
    app = App()
    one = b"GET /path-%d HTTP/1.1\r\n" + HOST + b"\r\n"
    async with serving(app) as port:
        assert (await talk(port, one % 1 + one % 2)).count(b"HTTP/1.1 ") == 1
        assert app.runs == 1
        async with connected(port) as (reader, writer):
            for number in (1, 2):
                writer.write(one % number)
                async with asyncio.timeout(2):
                    assert (await reader.readuntil(b"/path-%d" % number)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [b"GE", b"GET / HTTP/1.1\r\nHost: a\r\nA", b"\r\n"])
async def test_headers_that_stay_half_sent_end_with_408_within_the_deadline(sent: bytes) -> None:
    """AP-HTP-07."""
    reply, app = await once(sent, ProtocolLimits(header_timeout=0.1))
    assert (reply.status, reply.code, app.runs) == (408, "header_timeout", 0)


async def test_a_slow_drip_of_headers_does_not_move_the_deadline() -> None:
    """AP-HTP-07."""
    async with serving(App(), ProtocolLimits(header_timeout=0.3)) as port, connected(port) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\n")
        received = b""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(3):
                while not received:
                    writer.write(b"A")
                    with contextlib.suppress(TimeoutError):
                        received = await asyncio.wait_for(reader.read(100), 0.05)
        assert received.startswith(b"HTTP/1.1 408")


async def test_a_connection_without_a_word_and_an_idle_one_are_closed() -> None:
    """AP-HTP-07."""
    async with serving(App(), ProtocolLimits(header_timeout=0.1, idle_timeout=0.1)) as port:
        assert await talk(port, b"") == b""
        answer = await talk(port, b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"connection: close" not in answer


async def test_a_client_that_does_not_read_is_cut_off() -> None:
    """AP-HTP-07: the answer of 50 MB never fits the buffers of the kernel."""
    app = App()
    async with serving(app, ProtocolLimits(write_timeout=0.2)) as port, connected(port) as (reader, writer):
        writer.write(b"GET /big HTTP/1.1\r\n" + HOST + b"\r\n")
        total = 0
        async with asyncio.timeout(30):
            await app.gone.wait()
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(1 << 20):
                    total += len(data)
        assert 0 < total < 50_000_000


async def test_an_answer_before_the_body_keeps_the_connection_when_the_rest_comes() -> None:
    app = App()
    async with serving(app) as port, connected(port) as (reader, writer):
        writer.write(b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\n")
        async with asyncio.timeout(2):
            await reader.readuntil(b"/a")
            writer.write(b"bodyGET /b HTTP/1.1\r\n" + HOST + b"\r\n")
            assert b"200" in await reader.readuntil(b"/b")
    assert app.runs == 2


async def test_an_answer_before_the_body_closes_the_connection_when_the_rest_does_not_come() -> None:
    async with serving(App(), ProtocolLimits(drain_timeout=0.1)) as port:
        answer = await talk(port, b"POST /a HTTP/1.1\r\n" + HOST + b"Content-Length: 4\r\n\r\n", until_close=3)
        assert answer.count(b"HTTP/1.1 ") == 1
