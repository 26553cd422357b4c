"""Who waits for a process: one of each owner in turn, bounded, and nobody is called who has gone."""

import asyncio

import pytest

from doorward.errors import TooManyRequests
from doorward.runtime.fair_queue import FairQueue

pytestmark = pytest.mark.anyio


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_storm_of_one_owner_does_not_hold_up_another() -> None:
    """F-27"""
    queue, served = FairQueue(per_owner=100, most=1000), list[str]()

    async def one(owner: str, name: str) -> None:
        await queue.wait(owner)
        served.append(name)

    tasks = [asyncio.create_task(one("anna", f"a{number}")) for number in range(100)]
    await settled()
    tasks += [asyncio.create_task(one("boris", f"b{number}")) for number in range(2)]
    tasks.append(asyncio.create_task(one("carla", "c0")))
    await settled()
    assert len(queue) == 103
    while queue.call():
        await settled()
    assert served[:7] == ["a0", "b0", "c0", "a1", "b1", "a2", "a3"]
    assert len(served) == 103
    await asyncio.gather(*tasks)


async def test_too_many_are_refused_for_one_owner_and_altogether() -> None:
    queue = FairQueue(per_owner=2, most=3)
    waiting = [asyncio.create_task(queue.wait(owner)) for owner in ("anna", "anna", "boris")]
    await settled()
    for owner in ("anna", "carla"):
        with pytest.raises(TooManyRequests) as refused:
            await queue.wait(owner)
        assert refused.value.code == "sessions_busy"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert len(queue) == 0
    assert not queue.call()


async def test_who_is_called_and_goes_at_that_moment_passes_the_place_on() -> None:
    queue = FairQueue(per_owner=9, most=9)
    first, second = (asyncio.create_task(queue.wait("anna")) for _ in range(2))
    await settled()
    assert queue.call()
    first.cancel()
    await settled()
    assert second.done()
    assert not second.cancelled()
    await asyncio.gather(first, second, return_exceptions=True)


async def test_a_call_that_nobody_can_follow_any_more_is_given_back() -> None:
    """F-27: places that are lost one by one would end with no session that begins"""
    unused = list[str]()
    queue = FairQueue(per_owner=2, most=3, on_unused=lambda: unused.append("place"))
    task = asyncio.create_task(queue.wait("anna"))
    await settled()
    assert queue.call()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert unused == ["place"]
