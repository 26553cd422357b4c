"""Streams and gates of the front door: what is entered is left, and every stream ends."""

import asyncio
from collections.abc import Callable

import pytest
from tests.unit.front_door.rig import ALICE, BOB, Rig, connected, front_door

pytestmark = pytest.mark.anyio

SSE = "Accept: text/event-stream"


def opening(rig: Rig, path: str = "/api/stream", method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{rig.port}\r\n{ALICE}\r\n{SSE}\r\n\r\n".encode()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110  bounded
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/api/stream", "/api/passed-on"])
async def test_a_stream_ends_when_the_reader_goes_and_gives_its_place_back(path: str) -> None:
    """AP-LIM-04."""
    async with front_door(open_streams=1) as rig:
        async with connected(rig.port) as (reader, writer):
            writer.write(opening(rig, path))
            async with asyncio.timeout(2):
                await reader.readuntil(b"data: 1\n\n")
            full = await rig.request("GET", "/api/stream", ALICE, SSE)
            assert (full.status, full.code, full.headers["retry-after"]) == (429, "too_many_streams", "1")
        await until(lambda: rig.handlers.streams_closed == 1)
        async with connected(rig.port) as (reader, writer):
            writer.write(opening(rig))
            async with asyncio.timeout(2):
                assert b"200 OK" in await reader.readuntil(b"data: 1\n\n")


async def test_another_user_has_places_of_their_own_and_an_answer_without_a_stream_takes_none() -> None:
    async with front_door(open_streams=1) as rig, connected(rig.port) as (reader, writer):
        writer.write(opening(rig))
        async with asyncio.timeout(2):
            await reader.readuntil(b"data: 1\n\n")
        rig.handlers.release.set()
        assert (await rig.request("GET", "/api/stream", BOB, SSE)).status == 200
        assert (await rig.request("GET", "/api/stream", ALICE)).status == 200


async def test_a_shutdown_ends_open_streams_with_a_closing_event() -> None:
    """F-24."""
    async with front_door() as rig, connected(rig.port) as (reader, writer):
        writer.write(opening(rig))
        async with asyncio.timeout(2):
            await reader.readuntil(b"data: 1\n\n")
            rig.door.begin_shutdown()
            rest = await reader.readuntil(b"0\r\n\r\n")
        assert b"event: server_closing\ndata: {}\n\n" in rest
        assert rig.handlers.streams_closed == 1
        late = await rig.request("GET", "/api/stream", ALICE, SSE)
        assert b"event: server_closing" in late.body


async def test_head_of_a_stream_has_no_body_and_runs_nothing_on() -> None:
    async with front_door() as rig:
        reply = await rig.request("HEAD", "/api/stream", ALICE)
    assert (reply.status, reply.body) == (200, b"")


async def test_turns_of_one_user_at_once_are_limited() -> None:
    async with front_door(concurrent_turns=2) as rig:
        running = [asyncio.create_task(rig.request("POST", "/api/wait", ALICE)) for _ in range(2)]
        await until(lambda: rig.handlers.runs == 2)
        assert (await rig.request("POST", "/api/wait", ALICE)).code == "too_many_turns"
        rig.handlers.release.set()
        assert [reply.status for reply in await asyncio.gather(*running)] == [200, 200]
        assert (await rig.request("POST", "/api/wait", ALICE)).status == 200


async def test_a_stream_that_breaks_says_so_and_a_file_that_breaks_is_not_taken_for_whole() -> None:
    """AP-HTP-12."""
    async with front_door() as rig:
        events = await rig.request("GET", "/breaking")
        assert b'event: error\ndata: {"title"' in events.body
        assert b'"code":"internal_error"' in events.body
        assert events.body.endswith(b"0\r\n\r\n")
        file = await rig.request("GET", "/breaking-file")
        assert b"data: 1" in file.body
        assert not file.body.endswith(b"0\r\n\r\n")
        assert b"canary" not in events.raw + file.raw
