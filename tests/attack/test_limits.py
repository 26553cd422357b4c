"""Attacks on the limits of the front door (AP-LIM-01, 02, 04), with controls. Handlers that ran are counted."""

import asyncio
from collections import Counter

import pytest
from tests.unit.front_door.rig import ALICE, BOB, connected, front_door

pytestmark = pytest.mark.anyio


async def test_one_user_who_floods_gets_the_limit_and_others_all_of_theirs() -> None:
    """AP-LIM-01."""
    async with front_door(user_requests=20, user_window=3600) as rig:
        flood = await asyncio.gather(*[rig.request("GET", "/api/me", ALICE) for _ in range(60)])
        others = await asyncio.gather(*[rig.request("GET", "/api/me", BOB) for _ in range(20)])
        assert Counter(reply.status for reply in flood) == {200: 20, 429: 40}
        assert {reply.status for reply in others} == {200}
        assert rig.handlers.runs == 40
        refused = next(reply for reply in flood if reply.status == 429)
    assert refused.code == "user_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 180
    assert refused.headers["ratelimit-policy"] == '"user";q=20;w=3600'
    assert refused.headers["ratelimit"].startswith('"user";r=0;t=')


async def test_one_address_that_floods_is_stopped_before_any_token_is_looked_at() -> None:
    """AP-LIM-01: refused knocks of all kinds count, and the ledger does not grow with them."""
    async with front_door(address_requests=20, address_window=3600) as rig:
        flood = await asyncio.gather(
            *[rig.request("GET", "/api/me", f"Authorization: Bearer guess-{n}") for n in range(60)]
        )
        assert Counter(reply.status for reply in flood) == {401: 20, 429: 40}
        assert (await rig.request("GET", "/guess")).code == "address_limited"
        assert len(rig.ledger.entries_) == 20
        assert rig.handlers.runs == 0


async def test_at_the_last_place_exactly_one_of_many_is_admitted() -> None:
    """AP-LIM-02."""
    async with front_door(user_requests=10, user_window=3600) as rig:
        control = [await rig.request("GET", "/api/me", ALICE) for _ in range(9)]
        assert {reply.status for reply in control} == {200}
        race = await asyncio.gather(*[rig.request("GET", "/api/me", ALICE) for _ in range(40)])
        assert Counter(reply.status for reply in race) == {200: 1, 429: 39}
        assert rig.handlers.runs == 10


async def test_one_user_cannot_hold_more_streams_than_the_cap() -> None:
    """AP-LIM-04."""
    opening = f"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n{ALICE}\r\nAccept: text/event-stream\r\n\r\n".encode()
    async with front_door(open_streams=5) as rig:

        async def first_line() -> bytes:
            async with connected(rig.port) as (reader, writer), asyncio.timeout(5):
                writer.write(opening)
                line = await reader.readline()
                if b" 200 " in line:
                    await done.wait()
                return line

        done = asyncio.Event()
        opened = [asyncio.create_task(first_line()) for _ in range(40)]
        async with asyncio.timeout(5):
            while sum(task.done() for task in opened) < 35:  # noqa: ASYNC110  waits for many tasks, bounded
                await asyncio.sleep(0.01)
        assert rig.handlers.runs == 5
        assert (await rig.request("GET", "/api/me", ALICE)).status == 200
        done.set()
        lines = Counter(line.split(b" ")[1] for line in await asyncio.gather(*opened))
    assert lines == {b"200": 5, b"429": 35}
