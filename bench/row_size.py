"""Memory and start: an idle stream, the gateway at rest, `up` to ready, `--help`."""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

from bench import machine
from bench.plan import Plan
from bench.report import Row, median
from bench.servers import ROOT, Measured, house
from bench.wire import Target, connected, events

_ACCEPT = {"accept": "text/event-stream"}


def rows(plan: Plan) -> Iterator[Row]:
    """All of them."""
    yield from _memory(plan)
    seconds = _second_start()
    yield Row(
        name="`doorward up` to ready, second start", ours=f"{seconds:.2f} s", target="at most 3 s", met=seconds <= 3
    )
    shown = median(_help() for _ in range(7)) * 1e3
    yield Row(name="`doorward --help`", ours=f"{shown:.0f} ms", target="at most 150 ms", met=shown <= 150)


def _memory(plan: Plan) -> Iterator[Row]:
    with house("patient") as ours:
        resting = machine.resident_bytes(ours.pids["gateway"]) / 1e6
        yield Row(name="gateway at rest", ours=f"{resting:.0f} MB", target="at most 100 MB", met=resting <= 100)
        turns, followers = asyncio.run(_streams(ours, plan.streams))
        yield Row(
            name=f"idle stream with its running turn, {plan.streams} of them, gateway",
            ours=f"{turns['gateway'] / 1e3:.0f} kB (runtime {turns['runtime'] / 1e3:.0f} kB, worker "
            f"{turns['worker'] / 1e3:.0f} kB)",
            target="at most 30 kB",
            met=turns["gateway"] <= 30_000,
        )
        yield Row(
            name=f"idle stream alone ({plan.streams} that follow one turn), gateway",
            ours=f"{followers / 1e3:.0f} kB",
        )


async def _streams(ours: Measured, count: int) -> tuple[dict[str, float], float]:
    """Bytes each process grew by per stream with a turn of its own, and the gateway per stream that only follows."""
    talk = Target(f"{ours.url}/api/chat", b'{"message":"waiting"}', ours.headers | _ACCEPT)
    async with AsyncExitStack() as stack:

        async def opened(target: Target) -> bytes:
            streams = await stack.enter_async_context(connected(target))
            arriving = events(target, streams)
            stack.push_async_callback(arriving.aclose)  # type: ignore[attr-defined]
            return await anext(arriving)

        first = await opened(talk)
        for _ in range(50):  # they pay for pools that stay
            await opened(talk)
        grown = await _grown(ours, lambda: opened(talk), count)
        turn = first.partition(b'"runId":"')[2].partition(b'"')[0].decode()
        follow = Target(f"{ours.url}/api/turns/{turn}/events", headers=ours.headers | _ACCEPT, method="GET")
        followers = await _grown(ours, lambda: opened(follow), count)
    return grown, followers["gateway"]


async def _grown(ours: Measured, opening: Callable[[], object], count: int) -> dict[str, float]:
    before = {name: machine.resident_bytes(pid) for name, pid in ours.pids.items()}
    for _ in range(count):
        await opening()  # type: ignore[misc]
    await asyncio.sleep(1)
    return {name: (machine.resident_bytes(pid) - before[name]) / count for name, pid in ours.pids.items()}


def _second_start() -> float:
    with tempfile.TemporaryDirectory(prefix="doorward-bench-") as folder:
        with house("main", folder=Path(folder)):
            pass
        begun = time.perf_counter()
        with house("main", folder=Path(folder)) as second:
            # What `house` does after the start (signing in) is not the start.
            return min(time.perf_counter() - begun, _ready_at(second) - begun)


def _ready_at(started: Measured) -> float:
    written = (started.house.log.parent / "ready.json").stat().st_mtime
    return time.perf_counter() - (time.time() - written)


def _help() -> float:
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-m", "doorward", "--help"], cwd=ROOT, capture_output=True, check=True)
    return time.perf_counter() - begun
