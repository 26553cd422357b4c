"""The contract of `Marks`."""

import asyncio

import pytest
from tests.contract.building import MovableClock

from doorward.ports.functions import OpenedStores

pytestmark = pytest.mark.anyio


async def test_of_many_who_take_a_name_at_once_one_has_it(shared: OpenedStores, clock: MovableClock) -> None:
    """AP-LIM-02."""
    answers = await asyncio.gather(*(shared.marks.take("place", until=clock.now + 60) for _ in range(20)))
    assert len([answer for answer in answers if answer]) == 1
    assert answers.count(None) == 19
    assert await shared.marks.taken("place")
    assert not await shared.marks.taken("another")


async def test_a_name_that_was_given_back_can_be_taken_again(shared: OpenedStores, clock: MovableClock) -> None:
    holder = await shared.marks.take("place", until=clock.now + 60)
    assert holder
    await shared.marks.give("place", holder)
    assert not await shared.marks.taken("place")
    assert await shared.marks.take("place", until=clock.now + 60)
    await shared.marks.give("nobody has this", holder)


async def test_a_name_is_given_back_by_whoever_has_it_and_by_nobody_who_had_it(
    shared: OpenedStores, clock: MovableClock
) -> None:
    """AP-LIM-02: whoever was too late would make one place two."""
    late = await shared.marks.take("place", until=clock.now + 60)
    clock.now += 60
    holder = await shared.marks.take("place", until=clock.now + 60)
    assert late
    assert holder
    assert holder != late
    await shared.marks.give("place", late)
    assert await shared.marks.taken("place")
    await shared.marks.give("place", "")
    assert await shared.marks.taken("place")
    await shared.marks.give("place", holder)
    assert not await shared.marks.taken("place")


async def test_a_name_is_free_when_its_time_is_over(shared: OpenedStores, clock: MovableClock) -> None:
    until = clock.now + 60
    assert await shared.marks.take("place", until=until)
    clock.now = until - 0.1
    assert await shared.marks.taken("place")
    assert not await shared.marks.take("place", until=until + 60)
    clock.now = until
    assert not await shared.marks.taken("place")
    assert await shared.marks.take("place", until=until + 60)
