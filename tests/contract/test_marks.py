"""The contract of `Marks`."""

import asyncio

import pytest
from tests.contract.building import MovableClock

from doorward.ports.functions import OpenedStores

pytestmark = pytest.mark.anyio


async def test_of_many_who_take_a_name_at_once_one_has_it(shared: OpenedStores, clock: MovableClock) -> None:
    """AP-LIM-02."""
    answers = await asyncio.gather(*(shared.marks.take("place", until=clock.now + 60) for _ in range(20)))
    assert answers.count(True) == 1
    assert await shared.marks.taken("place")
    assert not await shared.marks.taken("another")


async def test_a_name_that_was_given_back_can_be_taken_again(shared: OpenedStores, clock: MovableClock) -> None:
    assert await shared.marks.take("place", until=clock.now + 60)
    await shared.marks.give("place")
    assert not await shared.marks.taken("place")
    assert await shared.marks.take("place", until=clock.now + 60)
    await shared.marks.give("nobody has this")


async def test_a_name_is_free_when_its_time_is_over(shared: OpenedStores, clock: MovableClock) -> None:
    until = clock.now + 60
    assert await shared.marks.take("place", until=until)
    clock.now = until - 0.1
    assert await shared.marks.taken("place")
    assert not await shared.marks.take("place", until=until + 60)
    clock.now = until
    assert not await shared.marks.taken("place")
    assert await shared.marks.take("place", until=until + 60)
