"""The contract of `ForgottenStore`, with `ConversationStore.delete` and `TurnStore.begin`."""

import pytest
from tests.contract.building import whole_turn

from doorward.errors import Conflict
from doorward.model.principals import User
from doorward.stores.sqlite.open import GatewayStores

pytestmark = pytest.mark.anyio
ANNA = User(issuer="https://issuer.test", subject="anna", username="anna")
BEN = User(issuer="https://issuer.test", subject="ben", username="ben")


async def test_a_deleted_conversation_is_pending_until_the_agent_has_forgotten_it(gateway: GatewayStores) -> None:
    await whole_turn(gateway.turns, owner=ANNA.key)
    assert await gateway.forgotten.pending(limit=9) == []

    assert await gateway.conversations.delete(ANNA.key, "first", user=ANNA)

    [pending] = await gateway.forgotten.pending(limit=9)
    assert (pending.issuer, pending.subject, pending.session_id) == (ANNA.issuer, ANNA.subject, "first")
    await gateway.forgotten.done(ANNA.key, "first")
    assert await gateway.forgotten.pending(limit=9) == []


async def test_its_owner_cannot_begin_it_anew_before_that_and_others_always_can(
    gateway: GatewayStores,
) -> None:
    await whole_turn(gateway.turns, owner=ANNA.key)
    await gateway.conversations.delete(ANNA.key, "first", user=ANNA)

    with pytest.raises(Conflict) as caught:
        await whole_turn(gateway.turns, owner=ANNA.key)
    assert caught.value.code == "conversation_deleting"
    await whole_turn(gateway.turns, owner=BEN.key)

    await gateway.forgotten.done(ANNA.key, "first")
    await whole_turn(gateway.turns, owner=ANNA.key)


async def test_what_was_not_there_or_not_deleted_is_not_pending(gateway: GatewayStores) -> None:
    assert not await gateway.conversations.delete(ANNA.key, "nowhere", user=ANNA)
    assert await gateway.forgotten.pending(limit=9) == []
