"""The contract of `Ledger`."""

import asyncio

import pytest
from tests.contract.building import entry, new_turn

from doorward.errors import InvalidInput
from doorward.stores.sqlite.open import GatewayStores

pytestmark = pytest.mark.anyio


async def test_entries_are_numbered_from_one_and_read_back_in_order(gateway: GatewayStores) -> None:
    numbers = [await gateway.ledger.append(entry(f"code-{number}")) for number in range(3)]

    assert numbers == [1, 2, 3]
    found = await gateway.ledger.entries()
    assert [(each.sequence, each.entry) for each in found] == [
        (number + 1, entry(f"code-{number}")) for number in range(3)
    ]
    assert [each.sequence for each in await gateway.ledger.entries(after=1, limit=1)] == [2]
    assert await gateway.ledger.verify() is None


async def test_an_empty_ledger_verifies(gateway: GatewayStores) -> None:
    assert await gateway.ledger.verify() is None


async def test_entries_queued_at_once_make_one_chain(gateway: GatewayStores) -> None:
    numbers = await asyncio.gather(*(gateway.ledger.append(entry(f"code-{number}")) for number in range(200)))

    assert numbers == list(range(1, 201))
    assert await gateway.ledger.verify() is None


async def test_what_was_enqueued_is_durable_no_later_than_the_next_write(gateway: GatewayStores) -> None:
    """AP-AUD-05: the verdict is recorded when the effect is."""
    gateway.ledger.enqueue(entry("before"))
    await gateway.turns.begin(new_turn())

    assert [each.entry.code for each in await gateway.ledger.entries()] == ["before"]


async def test_what_was_enqueued_stays_when_the_effect_is_refused(gateway: GatewayStores) -> None:
    await gateway.turns.begin(new_turn())
    gateway.ledger.enqueue(entry("before"))
    results = await asyncio.gather(*(gateway.turns.begin(new_turn()) for _ in range(3)), return_exceptions=True)

    assert all(isinstance(result, Exception) for result in results)
    assert [each.entry.code for each in await gateway.ledger.entries()] == ["before"]


async def test_hostile_fields_make_one_harmless_entry_each(gateway: GatewayStores) -> None:
    """AP-AUD-04."""
    hostile = 'a\r\nb\x00\x1b[2J\u202e\u2066\x85\x7f"},{\\'
    await gateway.ledger.append(entry(action=hostile, resource="\ud800", principal="x" * 5000))

    (found,) = await gateway.ledger.entries()
    assert found.entry.action == hostile
    assert found.entry.resource == "?"
    assert found.entry.principal == "x" * 512
    assert await gateway.ledger.verify() is None


@pytest.mark.parametrize("at", [float("nan"), float("inf")])
async def test_a_time_that_is_no_number_is_refused(gateway: GatewayStores, at: float) -> None:
    with pytest.raises(InvalidInput):
        gateway.ledger.enqueue(entry(at=at))
