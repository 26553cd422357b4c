"""The limiter is exact, bounded, and forgets nothing that helps an attacker."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from doorward.http.limiter import CountingGate, RateLimiter

pytestmark = pytest.mark.anyio


class Ticks:
    """A monotonic clock in nanoseconds that is moved by hand."""

    def __init__(self) -> None:
        self.now = 10**12

    def __call__(self) -> int:
        return self.now


@given(
    limit=st.integers(1, 300), window=st.floats(0.01, 86400), parallel=st.integers(1, 600), start=st.integers(0, 2**62)
)
@settings(max_examples=60, deadline=None)
def test_of_n_parallel_calls_exactly_the_limit_is_admitted(
    limit: int, window: float, parallel: int, start: int
) -> None:
    """AP-LIM-02."""
    clock = Ticks()
    clock.now = start
    limiter = RateLimiter(limit, window, clock=clock)

    async def all_at_once() -> list[bool]:
        return [state.admitted for state in await asyncio.gather(*[limiter.take("k") for _ in range(parallel)])]

    assert sum(asyncio.run(all_at_once())) == min(limit, parallel)


@given(limit=st.integers(1, 50), gaps=st.lists(st.integers(0, 3_000_000_000), max_size=200))
@settings(max_examples=60, deadline=None)
def test_over_any_time_no_more_than_the_limit_and_one_burst_pass(limit: int, gaps: list[int]) -> None:
    """AP-LIM-01: in any stretch of time t, at most limit + t * limit / window."""
    clock = Ticks()
    limiter = RateLimiter(limit, 10.0, clock=clock)
    admitted = []
    for gap in gaps:
        clock.now += gap
        if limiter.admit("k").admitted:
            admitted.append(clock.now)
    for first in range(len(admitted)):
        for last in range(first, len(admitted)):
            elapsed = admitted[last] - admitted[first]
            assert (last - first + 1) <= limit + elapsed * limit // 10_000_000_000


async def test_retry_after_is_when_one_is_admitted_again() -> None:
    clock = Ticks()
    limiter = RateLimiter(10, 5.0, clock=clock)
    states = [await limiter.take("k") for _ in range(11)]
    assert [state.remaining for state in states[:10]] == list(range(9, -1, -1))
    assert not states[10].admitted
    clock.now += int(states[10].retry_after * 1e9) - 1000
    assert not (await limiter.take("k")).admitted
    clock.now += 2000
    assert (await limiter.take("k")).admitted


async def test_a_flood_of_fresh_keys_neither_fills_the_memory_nor_frees_a_spent_key() -> None:
    """AP-LIM-01."""
    clock = Ticks()
    limiter = RateLimiter(5, 60.0, clock=clock, keys=100)
    for _ in range(5):
        assert limiter.admit("spent").admitted
    for number in range(5000):
        clock.now += 1000
        limiter.admit(f"fresh-{number}")
        assert len(limiter._due) <= 100
    assert not limiter.admit("spent").admitted


async def test_a_gate_counts_each_key_and_keeps_none_that_left() -> None:
    gate = CountingGate(2)
    assert [gate.enter("a"), gate.enter("a"), gate.enter("a"), gate.enter("b")] == [True, True, False, True]
    gate.leave("a")
    assert gate.enter("a")
    for key in ("a", "a", "b"):
        gate.leave(key)
    assert gate._inside == {}
