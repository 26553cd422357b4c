"""Streams: how long until the agent's first piece, and how many stored events go through per second."""

import asyncio
import time
from collections.abc import Callable, Iterator

from bench.plan import Plan, alternate
from bench.report import Row, median
from bench.servers import Measured, bare, house
from bench.wire import Target, connected, events

STREAMS = 32
EVENTS = 500
_CONTENT = b"TEXT_MESSAGE_CONTENT"
_ACCEPT = {"accept": "text/event-stream"}


def rows(plan: Plan) -> Iterator[Row]:
    """The first event at one connection, then events over many streams."""
    yield _first_event(plan)
    with house("stream") as fast, house("paced") as paced, bare() as floor:
        sides: list[Callable[[], float]] = [
            lambda: asyncio.run(_rate(_of(fast, EVENTS), plan.seconds)),
            lambda: asyncio.run(_rate(_of(paced, EVENTS), plan.seconds)),
            lambda: asyncio.run(_rate(_bare(floor.url, EVENTS), plan.seconds)),
        ]
        rate, slow, bare_rate = map(median, alternate(plan.rounds, sides))
    yield Row(
        name=f"stored and forwarded events, {STREAMS} streams of {EVENTS}",
        ours=f"{rate:,.0f} events/s",
        peer=f"the same agent in bare uvicorn, nothing stored: {bare_rate:,.0f}/s",
        ratio=f"{rate / bare_rate:.2f}",
        target="at least 25,000/s (far goal 60,000)",
        met=rate >= 25_000,
    )
    yield Row(name="the same, each event in a moment of its own", ours=f"{slow:,.0f} events/s")


def _first_event(plan: Plan) -> Row:
    count = max(100, plan.requests // 10)
    with house("stream") as ours, bare() as floor:
        sides: list[Callable[[], float]] = [
            lambda: asyncio.run(first_pieces(_of(ours, 3), count)),
            lambda: asyncio.run(first_pieces(_bare(floor.url, 3), count)),
        ]
        samples = alternate(plan.rounds, sides)
    own, bare_time = map(median, samples)
    added = own - bare_time
    return Row(
        name="first piece of the agent, p50, 1 connection",
        ours=f"{own:.2f} ms",
        peer=f"the same agent in bare uvicorn: {bare_time:.2f} ms",
        ratio=f"{added:.2f} ms added",
        target="at most 3 ms added",
        met=added <= 3,
    )


def _of(ours: Measured, pieces: int) -> Target:
    return Target(f"{ours.url}/api/chat", b'{"message":"%d"}' % pieces, ours.headers | _ACCEPT)


def _bare(url: str, pieces: int) -> Target:
    return Target(url, b'{"message":"%d"}' % pieces, _ACCEPT)


async def first_pieces(target: Target, count: int, *, pause: float = 0.0) -> float:
    """Median milliseconds from the request to the first piece of text; `pause` seconds between two requests."""
    took = []
    async with connected(target) as streams:
        for _ in range(count):
            begun, seen, last = time.perf_counter(), 0.0, b""
            async for piece in events(target, streams):
                if not seen and _CONTENT in last + piece:
                    seen = time.perf_counter() - begun
                last = piece
            took.append(seen)
            if pause:
                await asyncio.sleep(pause)
    return median(took) * 1e3


async def _rate(target: Target, seconds: float) -> float:
    """Events per second over all streams, one after the other on each connection."""
    total = 0
    begun = time.perf_counter()

    async def one() -> None:
        nonlocal total
        async with connected(target) as streams:
            while time.perf_counter() - begun < seconds:
                before = total
                async for piece in events(target, streams):
                    total += piece.count(b"data: ")
                if total - before < EVENTS * 0.9:  # some are cut in two by the pieces
                    raise RuntimeError("a stream came without its events")

    await asyncio.gather(*(one() for _ in range(STREAMS)))
    return total / (time.perf_counter() - begun)
