"""The contract of `ForgottenStore`, with `ConversationStore.delete` and `TurnStore.begin`."""

import pytest
from tests.contract.building import whole_turn

from doorward.errors import Conflict
from doorward.model.principals import User
from doorward.ports.functions import OpenedStores

pytestmark = pytest.mark.anyio
ANNA = User(issuer="https://issuer.test", subject="anna", username="anna")
BEN = User(issuer="https://issuer.test", subject="ben", username="ben")


async def test_a_deleted_conversation_is_pending_until_the_agent_has_forgotten_it(shared: OpenedStores) -> None:
    await whole_turn(shared.turns, owner=ANNA.key)
    assert await shared.forgotten.pending(limit=9) == []

    assert await shared.conversations.delete(ANNA.key, "first", user=ANNA)

    [pending] = await shared.forgotten.pending(limit=9)
    assert (pending.issuer, pending.subject, pending.session_id) == (ANNA.issuer, ANNA.subject, "first")
    await shared.forgotten.done(ANNA.key, "first")
    assert await shared.forgotten.pending(limit=9) == []


async def test_its_owner_cannot_begin_it_anew_before_that_and_others_always_can(
    shared: OpenedStores,
) -> None:
    await whole_turn(shared.turns, owner=ANNA.key)
    await shared.conversations.delete(ANNA.key, "first", user=ANNA)

    with pytest.raises(Conflict) as caught:
        await whole_turn(shared.turns, owner=ANNA.key)
    assert caught.value.code == "conversation_deleting"
    await whole_turn(shared.turns, owner=BEN.key)

    await shared.forgotten.done(ANNA.key, "first")
    await whole_turn(shared.turns, owner=ANNA.key)


async def test_what_was_not_there_or_not_deleted_is_not_pending(shared: OpenedStores) -> None:
    assert not await shared.conversations.delete(ANNA.key, "nowhere", user=ANNA)
    assert await shared.forgotten.pending(limit=9) == []
