"""A process for each session against one for all: how long a new conversation waits, and what a session weighs."""

import asyncio
from collections.abc import Callable, Iterator

from bench import machine
from bench.plan import Plan, alternate
from bench.report import Row, median
from bench.row_streams import first_pieces
from bench.servers import Measured, house
from bench.wire import Target, connected, events

_SESSIONS = 20
_PAUSE = 0.3


def rows(plan: Plan) -> Iterator[Row]:
    """The first piece of a new conversation and of one that has its process, and the memory of idle sessions."""
    count = max(20, plan.requests // 40)
    own_process = {"DOORWARD_AGENT_ISOLATION": "session"}
    with house("stream", environment=own_process) as apart, house("stream") as shared:
        weight = asyncio.run(_weight(apart))  # first: later every new session takes the place of an idle one
        sides: list[Callable[[], float]] = [
            lambda: asyncio.run(first_pieces(_of(apart), count, pause=_PAUSE)),
            lambda: asyncio.run(first_pieces(_of(apart), count)),
            lambda: asyncio.run(first_pieces(_of(shared), count, pause=_PAUSE)),
        ]
        own, rushed, together = map(median, alternate(plan.rounds, sides))
    added = own - together
    yield Row(
        name="first piece of a new conversation, p50, isolation session",
        ours=f"{own:.1f} ms",
        peer=f"isolation shared: {together:.1f} ms",
        ratio=f"{added:.1f} ms added",
        target="at most 50 ms added",
        met=added <= 50,
    )
    yield Row(
        name="the same, one right after the other: none stands ready",
        ours=f"{rushed:.1f} ms",
        ratio=f"{rushed - together:.1f} ms added",
        target="at most 50 ms added",
        met=rushed - together <= 50,
    )
    yield Row(name=f"memory of an idle session ({_SESSIONS} of them, PSS)", ours=f"{weight / 1e6:.1f} MB")


def _of(ours: Measured) -> Target:
    return Target(f"{ours.url}/api/chat", b'{"message":"3"}', ours.headers | {"accept": "text/event-stream"})


async def _weight(ours: Measured) -> float:
    """Bytes (PSS) that the runtime's processes grow by, per session."""
    before = _proportional(ours)
    target = _of(ours)
    for _ in range(_SESSIONS):
        async with connected(target) as streams:
            async for _ in events(target, streams):
                pass
    await asyncio.sleep(2)
    return (_proportional(ours) - before) / _SESSIONS


def _proportional(ours: Measured) -> int:
    runtime = ours.house.pid("runtime")
    return sum(machine.proportional_bytes(pid) for pid in machine.descendants(runtime))
