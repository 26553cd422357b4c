"""DynamoDB when answers are lost, writes are in each other's way, and much has to be erased."""

import asyncio
from typing import Any

import pytest
from tests.contract.between import refusal, times
from tests.contract.building import ANNA, MovableClock, events, new_turn, result_of, whole_turn
from tests.contract.dynamo import Watched

from doorward.errors import Conflict, DoorwardError, StoreUnavailable
from doorward.model.chat import Idempotency, TurnStatus
from doorward.model.principals import User
from doorward.stores.cursors import Cursors
from doorward.stores.dynamodb.conversations import DynamoConversations
from doorward.stores.dynamodb.parts import PART_BYTES

pytestmark = pytest.mark.anyio

USER = User(issuer="https://issuer.test", subject="anna", username="anna")
NOBODY = times(0, "", (200, {}))


async def test_a_mark_that_was_taken_is_taken_also_when_the_answer_is_lost(
    watched: Watched, clock: MovableClock
) -> None:
    watched.place.forget()
    watched.place.lose("PutItem")
    assert await watched.stores.marks.take("run/one", until=clock.now + 60)
    assert watched.place.calls["PutItem"] == 2
    assert not await watched.stores.marks.take("run/one", until=clock.now + 60)


async def test_a_mark_that_another_write_is_in_the_way_of_is_tried_again(watched: Watched, clock: MovableClock) -> None:
    watched.place.answer = times(3, "PutItem", refusal("TransactionConflictException"))
    assert await watched.stores.marks.take("run/one", until=clock.now + 60)
    watched.place.answer = times(99, "PutItem", refusal("TransactionConflictException"))
    with pytest.raises(StoreUnavailable) as caught:
        await watched.stores.marks.take("run/two", until=clock.now + 60)
    assert caught.value.code == "store_contended"


async def test_throttling_within_a_transaction_is_said_as_throttling(watched: Watched) -> None:
    """AP-LIM-03: closed."""
    reasons = [{"Code": "None"}, {"Code": "ThrottlingError"}, {"Code": "TransactionConflict"}]
    throttled = refusal("TransactionCanceledException", CancellationReasons=reasons)
    watched.place.answer = times(2, "TransactWriteItems", throttled)
    await watched.stores.turns.begin(new_turn())
    watched.place.answer = times(99, "TransactWriteItems", throttled)
    with pytest.raises(StoreUnavailable) as caught:
        await watched.stores.turns.begin(new_turn("other"))
    assert caught.value.code == "store_throttled"


async def test_a_turn_ends_also_when_nobody_knows_whether_its_last_events_were_kept(watched: Watched) -> None:
    turns, place = watched.stores.turns, watched.place
    turn = new_turn()
    await turns.begin(turn)

    # It is written, and no answer to it or to any that comes after it arrives.
    def kept_and_silent(operation: str, _: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        if operation == "TransactWriteItems":
            place.lose(operation)
        return refusal("InternalServerError") if operation == "GetItem" and place.calls[operation] > 1 else None

    place.forget()
    place.answer = kept_and_silent
    with pytest.raises(DoorwardError):
        await turns.append_events(turn.turn_id, events(2, b"a", b"b"))
    place.answer, place.lost = NOBODY, ""

    with pytest.raises(Conflict) as caught:
        await turns.finish(result_of(turn, events=events(2, b"a", b"another", b"last")))
    assert caught.value.code == "event_out_of_order"
    with pytest.raises(Conflict):
        await turns.finish(result_of(turn, events=events(5, b"last")))
    await turns.finish(result_of(turn, events=events(2, b"a", b"b", b"last")))

    assert [event.data for event in await turns.events(turn.turn_id, after=1, limit=9)] == [b"a", b"b", b"last"]
    known = await turns.get(ANNA, turn.turn_id)
    assert known is not None
    assert known.status is TurnStatus.COMPLETED


async def test_a_key_that_is_over_may_come_with_another_body(watched: Watched) -> None:
    turns = watched.stores.turns
    first = new_turn(idempotency=Idempotency(key=b"k", body=b"one", expires_at=2000.0))
    await turns.begin(first)
    await turns.finish(result_of(first))
    second = new_turn(idempotency=Idempotency(key=b"k", body=b"two", expires_at=9000.0), at=2000.0)
    assert (await turns.begin(second)).id == second.turn_id


async def test_of_two_long_messages_that_begin_a_conversation_at_once_one_is_there_whole(watched: Watched) -> None:
    turns = watched.stores.turns
    letters = "abcdefgh"
    answers = await asyncio.gather(
        *(turns.begin(new_turn(message=letter * (PART_BYTES * 2 + 9))) for letter in letters), return_exceptions=True
    )
    assert len([answer for answer in answers if not isinstance(answer, DoorwardError)]) == 1
    page = await watched.stores.conversations.messages(ANNA, "first", limit=9, cursor=None)
    [message] = page.items
    assert len(message.content) == PART_BYTES * 2 + 9
    assert len(set(message.content)) == 1
    assert watched.count("M#") == 3, "nothing is left of those that were refused"


async def test_a_page_of_events_reads_little_more_than_it_shows(watched: Watched) -> None:
    turns = watched.stores.turns
    turn = new_turn()
    await turns.begin(turn)
    for number in range(2, 72):
        await turns.append_events(turn.turn_id, events(number, b"x" * 100))
    watched.place.forget()
    assert len(await turns.events(turn.turn_id, after=0, limit=10)) == 10
    assert watched.place.items == 10
    watched.place.forget()
    assert [event.sequence for event in await turns.events(turn.turn_id, after=5, limit=33)] == list(range(6, 39))
    assert watched.place.items <= 64


async def test_what_takes_long_to_erase_is_erased_in_steps(watched: Watched) -> None:
    stores = watched.stores
    for _ in range(6):
        await whole_turn(stores.turns, owner=USER.key)
    impatient = DynamoConversations(stores.table, Cursors(b"k" * 32), erase_within=0.0)
    assert await impatient.delete(USER.key, "first", user=USER)
    assert await stores.conversations.get(USER.key, "first") is None
    assert watched.count("M#") == 12
    assert watched.count("REMOVE") == 1
    await stores.forgotten.pending(limit=9)
    assert watched.kinds() == {"CURSORS", "U", "FORGET"}


async def test_an_erasure_that_fails_keeps_no_other_one_waiting(watched: Watched) -> None:
    stores, place = watched.stores, watched.place
    place.answer = times(9999, "BatchWriteItem", refusal("InternalServerError"))
    for session_id in ("first", "second"):
        await whole_turn(stores.turns, session_id, owner=USER.key)
        await stores.conversations.delete(USER.key, session_id, user=USER)

    def not_the_first(operation: str, _: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        first = operation == "BatchWriteItem" and place.calls[operation] == 1
        return refusal("InternalServerError") if first else None

    place.forget()
    place.answer = not_the_first
    assert len(await stores.forgotten.pending(limit=9)) == 2
    assert watched.count("REMOVE") == 1, "one could not be erased, and the other is"
    assert len(await stores.forgotten.pending(limit=9)) == 2
    assert watched.count("REMOVE") == 0


async def test_a_turn_that_ends_while_all_are_listed_is_not_told_as_running(watched: Watched) -> None:
    turns, place = watched.stores.turns, watched.place
    turn, other = new_turn(), new_turn("other")
    await turns.begin(turn)
    await turns.begin(other)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def meanwhile(operation: str, _: dict[str, Any]) -> None:
        if operation == "BatchGetItem" and not ended.is_set():
            asyncio.run_coroutine_threadsafe(turns.finish(result_of(turn)), loop).result(10)
            loop.call_soon_threadsafe(ended.set)

    place.answer = meanwhile
    assert [one.turn.id for one in await turns.open_turns()] == [other.turn_id]
