"""The contract of `Marks`."""

import asyncio

import pytest
from tests.contract.building import MovableClock

from doorward.stores.sqlite.open import GatewayStores

pytestmark = pytest.mark.anyio


async def test_of_many_who_take_a_name_at_once_one_has_it(gateway: GatewayStores, clock: MovableClock) -> None:
    """AP-LIM-02."""
    answers = await asyncio.gather(*(gateway.marks.take("place", until=clock.now + 60) for _ in range(20)))
    assert answers.count(True) == 1
    assert await gateway.marks.taken("place")
    assert not await gateway.marks.taken("another")


async def test_a_name_that_was_given_back_can_be_taken_again(gateway: GatewayStores, clock: MovableClock) -> None:
    assert await gateway.marks.take("place", until=clock.now + 60)
    await gateway.marks.give("place")
    assert not await gateway.marks.taken("place")
    assert await gateway.marks.take("place", until=clock.now + 60)
    await gateway.marks.give("nobody has this")


async def test_a_name_is_free_when_its_time_is_over(gateway: GatewayStores, clock: MovableClock) -> None:
    until = clock.now + 60
    assert await gateway.marks.take("place", until=until)
    clock.now = until - 0.1
    assert await gateway.marks.taken("place")
    assert not await gateway.marks.take("place", until=until + 60)
    clock.now = until
    assert not await gateway.marks.taken("place")
    assert await gateway.marks.take("place", until=until + 60)
