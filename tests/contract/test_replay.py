"""The contract of `ReplayStore`."""

import asyncio
from collections.abc import Callable

import pytest
from tests.contract.building import MovableClock

from doorward.stores.sqlite.open import RuntimeStores

pytestmark = pytest.mark.anyio


async def test_a_signature_is_new_exactly_once(runtime: RuntimeStores, clock: MovableClock) -> None:
    answers = await asyncio.gather(*(runtime.replay.first_use("signature", until=clock.now + 300) for _ in range(20)))

    assert answers.count(True) == 1
    assert await runtime.replay.first_use("another", until=clock.now + 300)


async def test_a_signature_is_still_known_after_a_restart(
    reopen_runtime: Callable[[], RuntimeStores], clock: MovableClock
) -> None:
    before = reopen_runtime()
    assert await before.replay.first_use("signature", until=clock.now + 300)
    before.close()

    after = reopen_runtime()
    try:
        assert not await after.replay.first_use("signature", until=clock.now + 300)
    finally:
        after.close()


async def test_a_signature_is_known_to_the_end_of_its_time(runtime: RuntimeStores, clock: MovableClock) -> None:
    until = clock.now + 300
    await runtime.replay.first_use("signature", until=until)

    clock.now = until
    for number in range(130):
        await runtime.replay.first_use(f"other-{number}", until=until + 300)

    assert not await runtime.replay.first_use("signature", until=until)
