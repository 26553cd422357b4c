"""The load client, the same for both sides of a ratio: wrk where it is, else one of our own on asyncio (slower)."""

import asyncio
import os
import shutil
import subprocess
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.report import percentile
from bench.wire import Target, connected, exchange

_SCRIPT = Path(__file__).parent / "post.lua"
_WRK = shutil.which("wrk")
CLIENT = "wrk, 1 thread" if _WRK else "bench/load.py on asyncio (no wrk here)"


class Sample(Struct, frozen=True):
    """What one run gave; `p50` and `p99` in milliseconds, `failed` answers that were not 200."""

    requests: int
    seconds: float
    failed: int
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Good answers per second."""
        return (self.requests - self.failed) / self.seconds


def press(target: Target, *, connections: int, seconds: float) -> Sample:
    """POST the target's body on so many connections for so long. Raises `RuntimeError` when more than 1 % fail."""
    sample = _with_wrk(target, connections, seconds) if _WRK else asyncio.run(_with_ours(target, connections, seconds))
    if not sample.requests or sample.failed > sample.requests / 100:
        raise RuntimeError(f"{target.url}: {sample.failed} of {sample.requests} requests failed")
    return sample


def _with_wrk(target: Target, connections: int, seconds: float) -> Sample:
    headers = [part for name, value in target.headers.items() for part in ("-H", f"{name}: {value}")]
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds:g}s",
        "--timeout",
        "20s",
        "-s",
        str(_SCRIPT),
        *headers,
        target.url,
    ]
    variables = os.environ | {
        "BENCH_BODY": target.body.decode(),
        "BENCH_METHOD": target.method,
        "BENCH_PATHS": " ".join(target.paths),
    }
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=seconds + 30)
    return msgspec.json.decode(ran.stdout.strip().splitlines()[-1], type=Sample)


async def _with_ours(target: Target, connections: int, seconds: float) -> Sample:
    if target.paths:
        raise RuntimeError("several paths need wrk")
    took: list[float] = []
    failed = 0
    end = time.perf_counter() + seconds

    async def one() -> None:
        nonlocal failed
        async with connected(target) as streams:
            while (begun := time.perf_counter()) < end:
                status, _ = await exchange(target, streams)
                took.append(time.perf_counter() - begun)
                failed += status != 200

    begun = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(connections)))
    lasted = time.perf_counter() - begun
    return Sample(len(took), lasted, failed, percentile(took, 0.5) * 1e3, percentile(took, 0.99) * 1e3)
