"""Pages of history: 50 conversations or messages, in a small and in a large store."""

import asyncio
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.fill import LONG, fill, session_id
from bench.plan import Plan
from bench.report import Row, percentile
from bench.servers import Measured, house
from bench.wire import Target, connected, exchange

SMALL = 1000
KINDS = ("conversations", "messages")


class _Found(Struct, frozen=True):
    """Milliseconds of each request, by kind of page."""

    messages: int
    times: dict[str, list[float]]


def rows(plan: Plan) -> Iterator[Row]:
    """Both kinds of pages, small store against large."""
    small = _measured(SMALL, plan.requests)
    large = _measured(plan.conversations, plan.requests)
    for kind in KINDS:
        little, much = (percentile(found.times[kind], 0.5) for found in (small, large))
        little_p99, p99 = (percentile(found.times[kind], 0.99) for found in (small, large))
        yield Row(
            name=f"page of 50 {kind} of {plan.conversations:,} conversations, {large.messages:,} messages",
            ours=f"p50 {much:.2f} ms, p99 {p99:.2f} ms",
            peer=f"of {SMALL:,} conversations: p50 {little:.2f} ms, p99 {little_p99:.2f} ms",
            ratio=f"{much / little:.2f} of the p50",
            target="p99 under 5 ms, flat (p50 at most 1.5 times)",
            met=p99 < 5 and much <= 1.5 * little,
        )


def _measured(conversations: int, requests: int) -> _Found:
    with tempfile.TemporaryDirectory(prefix="doorward-bench-") as temporary:
        folder = Path(temporary)
        with house("main", folder=folder) as filled:
            # Beside the house: a user's key holds the issuer, which is a port that changes with each start.
            owner = asyncio.run(_get(filled, "/api/me"))["actor_id"]
            messages = fill(folder / "data" / "gateway.db", owner, conversations)
            paths = {"conversations": _pages(filled, requests), "messages": _histories(conversations, requests)}
            times = {kind: asyncio.run(_times(filled, paths[kind])) for kind in KINDS}
    return _Found(messages, times)


def _pages(filled: Measured, requests: int) -> list[str]:
    """Pages one behind the other, from the newest on, then from the start again."""
    found, cursor = [], ""
    while len(found) < min(requests, 15):
        found.append(f"/api/conversations?limit=50{cursor}")
        following = asyncio.run(_get(filled, found[-1]))["next_cursor"]
        cursor = f"&cursor={following}" if following else ""
    return (found * (requests // len(found) + 1))[:requests]


def _histories(conversations: int, requests: int) -> list[str]:
    """Mostly conversations from all over the store; one in five is long enough for a whole page."""
    rng = random.Random(1)  # noqa: S311  # which rows are read
    numbers = [rng.randint(1, LONG) if count % 5 == 0 else rng.randint(1, conversations) for count in range(requests)]
    return [f"/api/conversations/{session_id(number)}?limit=50" for number in numbers]


async def _get(ours: Measured, path: str) -> dict[str, str]:
    target = Target(ours.url + path, headers=ours.headers, method="GET")
    async with connected(target) as streams:
        status, body = await exchange(target, streams)
    if status != 200:
        raise RuntimeError(f"{path}: {status} {body!r}")
    return msgspec.json.decode(body)  # type: ignore[no-any-return]


async def _times(ours: Measured, paths: list[str]) -> list[float]:
    took = []
    targets = [Target(ours.url + path, headers=ours.headers, method="GET") for path in paths]
    async with connected(targets[0]) as streams:
        for target in targets:
            begun = time.perf_counter()
            status, body = await exchange(target, streams)
            took.append((time.perf_counter() - begun) * 1e3)
            if status != 200:
                raise RuntimeError(f"{target.url}: {status} {body!r}")
    return took
