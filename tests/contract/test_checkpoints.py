"""The contract of `CheckpointStore`."""

import pytest
from tests.contract.building import ANNA, BORIS

from doorward.errors import InvalidInput
from doorward.stores.sqlite.open import RuntimeStores

pytestmark = pytest.mark.anyio


async def test_a_state_is_replaced_and_deleted(runtime: RuntimeStores) -> None:
    store = runtime.checkpoints
    assert await store.load(ANNA, "hello", "s") is None

    await store.save(ANNA, "hello", "s", b"one")
    await store.save(ANNA, "hello", "s", b"\x00two")

    assert await store.load(ANNA, "hello", "s") == b"\x00two"
    await store.delete(ANNA, "hello", "s")
    await store.delete(ANNA, "hello", "s")
    assert await store.load(ANNA, "hello", "s") is None


async def test_owner_agent_and_session_each_keep_states_apart(runtime: RuntimeStores) -> None:
    """AP-SES-06."""
    store = runtime.checkpoints
    keys = [(ANNA, "hello", "s"), (BORIS, "hello", "s"), (ANNA, "other", "s"), (ANNA, "hello", "t")]
    for number, key in enumerate(keys):
        await store.save(*key, str(number).encode())

    assert [await store.load(*key) for key in keys] == [b"0", b"1", b"2", b"3"]


async def test_a_state_may_have_16_mebibytes_and_not_a_byte_more(runtime: RuntimeStores) -> None:
    limit = 16 * 1024 * 1024
    await runtime.checkpoints.save(ANNA, "hello", "s", bytes(limit))

    with pytest.raises(InvalidInput):
        await runtime.checkpoints.save(ANNA, "hello", "s", bytes(limit + 1))

    state = await runtime.checkpoints.load(ANNA, "hello", "s")
    assert state is not None
    assert len(state) == limit
