"""The soak (F-28): ten minutes at 60 % of what the house can do, an hour with ``--full``; memory and descriptors."""

import asyncio
import os
import time
from collections.abc import Iterator

from msgspec import Struct, field

from bench import machine
from bench.plan import Plan
from bench.report import Row
from bench.servers import Measured, house
from bench.wire import Target, connected, exchange

CONNECTIONS = 32
SHARE = 0.6
EVERY = 5.0
_MB = 1e6


class _Watched(Struct):
    """Samples of one process: when, bytes, descriptors."""

    at: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)


def rows(plan: Plan) -> Iterator[Row]:
    """Open loop: a turn begins when it is due, whether the one before has ended or not."""
    with house("main") as ours:
        target = Target(f"{ours.url}/api/chat", b'{"message":"soak"}', ours.headers)
        most = asyncio.run(_capacity(target, 10.0))
        rate = most * SHARE
        late, seen, failed = asyncio.run(_soaked(ours, target, rate, plan.soak))
    late.sort()
    slopes = {name: _slope(one) * 600 / _MB for name, one in seen.items()}
    grown = {name: max(one.files) - min(one.files[len(one.files) // 2 :]) for name, one in seen.items()}
    told = ", ".join(f"{name} {slope:+.2f}" for name, slope in slopes.items())
    load = f"{rate:,.0f} turns/s ({SHARE:.0%} of {most:,.0f})"
    yield Row(
        name=f"{plan.soak / 60:.0f} minutes at {load}: memory, MB in 10 minutes",
        ours=told,
        target="less than 1 MB in 10 minutes each",
        met=all(slope < 1 for slope in slopes.values()),
    )
    yield Row(
        name="the same: descriptors at most above the calm, turns that failed",
        ours=", ".join(f"{name} {count}" for name, count in grown.items()) + f"; {failed} failed",
        target="flat, none failed",
        met=all(count <= CONNECTIONS for count in grown.values()) and not failed,
    )
    yield Row(
        name="the same: a turn from when it was due, p50 and p99",
        ours=f"{late[len(late) // 2] * 1e3:.1f} ms, {late[len(late) * 99 // 100] * 1e3:.1f} ms of {len(late):,}",
    )


async def _capacity(target: Target, seconds: float) -> float:
    async def client() -> int:
        count, until = 0, time.perf_counter() + seconds
        async with connected(target) as streams:
            while time.perf_counter() < until:
                await exchange(target, streams)
                count += 1
        return count

    return sum(await asyncio.gather(*(client() for _ in range(CONNECTIONS)))) / seconds


async def _soaked(
    ours: Measured, target: Target, rate: float, seconds: float
) -> tuple[list[float], dict[str, _Watched], int]:
    due: asyncio.Queue[float] = asyncio.Queue()
    late: list[float] = []
    failed = 0

    async def client() -> None:
        nonlocal failed
        async with connected(target) as streams:
            while (at := await due.get()) >= 0:
                status, _ = await exchange(target, streams)
                late.append(time.perf_counter() - at)
                failed += status != 200

    clients = [asyncio.create_task(client()) for _ in range(CONNECTIONS)]
    seen: dict[str, _Watched] = {name: _Watched() for name in ours.pids}
    begun = now = time.perf_counter()
    sent, looked = 0, 0.0
    while now - begun < seconds:
        while sent < (now - begun) * rate:
            due.put_nowait(begun + sent / rate)
            sent += 1
        if now - begun >= looked:
            looked += EVERY
            _look(ours, seen, now - begun)
        await asyncio.sleep(0.005)
        now = time.perf_counter()
    for _ in clients:
        due.put_nowait(-1.0)
    await asyncio.gather(*clients)
    return late, seen, failed


def _look(ours: Measured, seen: dict[str, _Watched], at: float) -> None:
    for name, pid in ours.pids.items():
        seen[name].at.append(at)
        seen[name].memory.append(machine.resident_bytes(pid))
        seen[name].files.append(len(os.listdir(f"/proc/{pid}/fd")))  # noqa: PTH208


def _slope(watched: _Watched) -> float:
    """Bytes in a second, by least squares over the second half: the first one fills caches."""
    half = len(watched.at) // 2
    at, memory = watched.at[half:], watched.memory[half:]
    middle, level = sum(at) / len(at), sum(memory) / len(memory)
    spread = sum((one - middle) ** 2 for one in at) or 1.0
    return sum((one - middle) * (value - level) for one, value in zip(at, memory, strict=True)) / spread
