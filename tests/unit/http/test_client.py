"""The small HTTP client, against a server that says exactly what a test wants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from doorward.errors import InvalidInput
from doorward.http.client import Answer, Client, NotConnected, Origin
from doorward.http.client_wire import HIGH_WATER, Broken

pytestmark = pytest.mark.anyio

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: 1\r\n\r\nhello"


class Peer:
    """A server of raw answers: each request gets the next one, and `connections` counts who came."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.connections = 0
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.gone = asyncio.Event()
        self.served: list[asyncio.Task[None]] = []

    def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.served.append(asyncio.create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                self.requests.append(head + await reader.readexactly(length))
                self.asked.set()
                if not self.answers:
                    continue
                writer.write(self.answers.pop(0))
                await writer.drain()
                if not self.answers:
                    writer.write_eof()
        self.gone.set()
        writer.close()


@contextlib.asynccontextmanager
async def talking_to(peer: Peer) -> AsyncIterator[Client]:
    server = await asyncio.start_server(peer.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = Client(Origin(host="127.0.0.1", port=port), connect_timeout=2, keep_alive=4)
    async with asyncio.timeout(10), server:
        try:
            yield client
        finally:
            client.close()
            await asyncio.gather(*peer.served)


async def ask(client: Client, *, timeout: float | None = 5) -> Answer:
    return await client.send("POST", "/x?y=1", [("host", "peer")], b"{}", timeout=timeout)


async def test_a_whole_answer_has_status_headers_and_body() -> None:
    peer = Peer(WHOLE)
    async with talking_to(peer) as client:
        answer = await client.send("POST", "/x?y=1", [("host", "peer"), ("x-a", "b")], b"{}", timeout=5)
        assert (answer.status, answer.headers["x-one"]) == (200, "1")
        assert b"".join([block async for block in answer]) == b"hello"
    assert peer.requests == [b"POST /x?y=1 HTTP/1.1\r\nhost: peer\r\nx-a: b\r\ncontent-length: 2\r\n\r\n{}"]


async def test_a_connection_serves_again_once_its_answer_was_read() -> None:
    peer = Peer(WHOLE, WHOLE, WHOLE)
    async with talking_to(peer) as client:
        for _ in range(3):
            answer = await ask(client)
            assert await answer.up_to(100) == b"hello"
    assert peer.connections == 1


async def test_an_unread_answer_never_shows_up_in_another_exchange() -> None:
    other = WHOLE.replace(b"hello", b"other")
    peer = Peer(WHOLE, other, WHOLE)
    async with talking_to(peer) as client:
        first = await ask(client)
        second = await ask(client)
        assert {await second.up_to(100), await first.up_to(100)} == {b"hello", b"other"}
    assert peer.connections == 2


@pytest.mark.parametrize(
    "broken",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    ],
)
async def test_an_answer_without_its_end_is_broken(broken: bytes) -> None:
    async with talking_to(Peer(broken)) as client:
        with pytest.raises(Broken):
            await (await ask(client)).up_to(100)


@pytest.mark.parametrize("broken", [b"", b"HTTP/1.1 200 OK\r\nContent-", b"SSH-2.0-x\r\n\r\n", b"x" * 100_000])
async def test_what_is_no_answer_is_broken(broken: bytes) -> None:
    async with talking_to(Peer(broken)) as client:
        with pytest.raises(Broken):
            await ask(client)


async def test_a_head_without_end_is_cut_off() -> None:
    endless = b"HTTP/1.1 200 OK\r\n" + b"x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 4000
    async with talking_to(Peer(endless, WHOLE)) as client:
        with pytest.raises(Broken):
            await ask(client)


async def test_an_answer_without_length_ends_with_its_connection() -> None:
    async with talking_to(Peer(b"HTTP/1.1 200 OK\r\n\r\nhello")) as client:
        assert await (await ask(client)).up_to(100) == b"hello"


async def test_an_interim_answer_is_passed_over() -> None:
    async with talking_to(Peer(b"HTTP/1.1 100 Continue\r\nX-One: 0\r\n\r\n" + WHOLE)) as client:
        answer = await ask(client)
        assert (answer.status, answer.headers["x-one"], await answer.up_to(100)) == (200, "1", b"hello")


async def test_a_second_answer_to_one_request_spoils_the_connection() -> None:
    peer = Peer(WHOLE + WHOLE, WHOLE, WHOLE)
    async with talking_to(peer) as client:
        assert await (await ask(client)).up_to(100) == b"hello"
        assert await (await ask(client)).up_to(100) == b"hello"
    assert peer.connections == 2


async def test_hanging_up_closes_the_connection() -> None:
    peer = Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", WHOLE)
    async with talking_to(peer) as client:
        answer = await ask(client)
        answer.hang_up()
        await peer.gone.wait()
        assert await answer.read() == b""


async def test_a_cancelled_call_closes_the_connection() -> None:
    peer = Peer()
    async with talking_to(peer) as client:
        asking = asyncio.create_task(ask(client))
        await peer.asked.wait()
        asking.cancel()
        await peer.gone.wait()


async def test_the_time_limit_covers_head_and_body() -> None:
    async with talking_to(Peer()) as client:
        with pytest.raises(TimeoutError):
            await ask(client, timeout=0.05)
    async with talking_to(Peer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", b"")) as client:
        answer = await ask(client, timeout=0.05)
        assert await answer.read() == b"hello"
        with pytest.raises(TimeoutError):
            await answer.read()


async def test_closing_the_client_ends_who_waits() -> None:
    peer = Peer()
    async with talking_to(peer) as client:
        asking = asyncio.create_task(ask(client))
        await peer.asked.wait()
        client.close()
        with pytest.raises(Broken):
            await asking


async def test_where_nobody_listens_nothing_was_sent() -> None:
    server = await asyncio.start_server(Peer().take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    client = Client(Origin(host="127.0.0.1", port=port), connect_timeout=2, keep_alive=4)
    with pytest.raises(NotConnected):
        await ask(client)


@pytest.mark.parametrize("value", ["a\r\nx-b: c", "a\nb", "a\rb", "a\0b", "ä"])
async def test_no_header_can_break_out_of_its_line(value: str) -> None:
    peer = Peer(WHOLE)
    async with talking_to(peer) as client:
        with pytest.raises(InvalidInput):
            await client.send("POST", "/", [("host", "peer"), ("x-a", value)], timeout=5)
        with pytest.raises(InvalidInput):
            await client.send("POST", f"/{value} HTTP/1.1", [("host", "peer")], timeout=5)
    assert peer.connections == 0


async def test_a_slow_reader_holds_the_sender_back() -> None:
    size = 40 * HIGH_WATER
    peer = Peer(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
    async with talking_to(peer) as client:
        answer = await ask(client)
        longest = total = 0
        while block := await answer.read():
            longest, total = max(longest, len(block)), total + len(block)
            await asyncio.sleep(0.001)  # lets more arrive than is taken
        assert total == size
        assert longest < 4 * HIGH_WATER
