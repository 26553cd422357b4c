"""The contract of `SignedOutStore`."""

from pathlib import Path

import pytest
from tests.contract.building import MovableClock

from doorward.stores.sqlite.open import GatewayStores, open_gateway

pytestmark = pytest.mark.anyio


async def test_what_was_signed_out_is_held_and_nothing_else(gateway: GatewayStores, clock: MovableClock) -> None:
    await gateway.signed_out.add("one", until=clock.now + 60)
    await gateway.signed_out.add("one", until=clock.now + 60)

    assert await gateway.signed_out.holds("one")
    assert not await gateway.signed_out.holds("another")


async def test_it_is_held_over_a_restart(tmp_path: Path) -> None:
    """AP-OAU-06"""
    before = open_gateway(tmp_path / "gateway.db")
    await before.signed_out.add("one", until=2e9)
    before.close()

    after = open_gateway(tmp_path / "gateway.db")

    assert await after.signed_out.holds("one")
    after.close()


async def test_what_would_have_ended_by_itself_is_forgotten(gateway: GatewayStores, clock: MovableClock) -> None:
    await gateway.signed_out.add("old", until=clock.now + 60)
    clock.now += 61
    await gateway.signed_out.add("new", until=clock.now + 60)

    assert not await gateway.signed_out.holds("old")
    assert await gateway.signed_out.holds("new")
