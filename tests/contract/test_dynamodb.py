"""What DynamoDB does that SQLite does not: it throttles, conflicts, gives back part of a batch, and bounds an item."""

import asyncio
import time
from typing import Any

import pytest
from moto.dynamodb.models import dynamodb_backends
from tests.contract.between import refusal, times
from tests.contract.building import ANNA, BORIS, MovableClock, events, new_turn, result_of, whole_turn
from tests.contract.dynamo import Watched, client

from doorward.errors import ConfigurationError, StoreUnavailable
from doorward.http.limiter import RateLimiter
from doorward.model.budget import EVERYBODY, Amount, Reservation, Share, Spent
from doorward.model.principals import User
from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.limiter import DynamoLimiter
from doorward.stores.dynamodb.open import open_table

pytestmark = pytest.mark.anyio

CONFLICT = refusal("TransactionCanceledException", CancellationReasons=[{"Code": "TransactionConflict"}])
THROTTLED = refusal("ProvisionedThroughputExceededException")
USER = User(issuer="https://issuer.test", subject="anna", username="anna")


async def test_a_write_that_another_one_is_in_the_way_of_is_tried_again_and_made_once(watched: Watched) -> None:
    watched.place.answer = times(3, "TransactWriteItems", CONFLICT)
    await watched.stores.turns.begin(new_turn())

    assert watched.place.calls["TransactWriteItems"] == 4
    page = await watched.stores.conversations.messages(ANNA, "first", limit=9, cursor=None)
    assert len(page.items) == 1


async def test_one_that_never_gets_through_is_given_up_and_says_so(watched: Watched) -> None:
    watched.place.answer = times(99, "TransactWriteItems", CONFLICT)
    with pytest.raises(StoreUnavailable) as caught:
        await watched.stores.turns.begin(new_turn())
    assert caught.value.code == "store_contended"
    watched.place.answer = times(0, "", CONFLICT)
    assert await watched.stores.conversations.get(ANNA, "first") is None


async def test_every_read_is_strongly_consistent(watched: Watched) -> None:
    """Else a function could begin a turn, or look for one, in a table as it was before another's write."""
    read: dict[str, list[dict[str, Any]]] = {"GetItem": [], "Query": [], "BatchGetItem": []}

    def note(operation: str, body: dict[str, Any]) -> None:
        if operation in read:
            read[operation].append(body["RequestItems"][watched.name] if operation == "BatchGetItem" else body)

    watched.place.answer = note
    turns, conversations = watched.stores.turns, watched.stores.conversations
    turn = new_turn(message="What time is it?")
    await turns.begin(turn)
    assert len(await turns.open_turns()) == 1
    await turns.append_events(turn.turn_id, events(2, b"a"))
    await turns.finish(result_of(turn, events=events(3, b"b")))
    assert len(await turns.events(turn.turn_id, after=0, limit=9)) == 3
    assert len((await conversations.page(ANNA, limit=9, cursor=None)).items) == 1
    assert len((await conversations.messages(ANNA, "first", limit=9, cursor=None)).items) == 2
    await watched.stores.marks.take("place", until=time.time() + 60)
    await watched.stores.marks.taken("place")
    assert all(read.values()), "each kind of read was seen"
    assert [body for bodies in read.values() for body in bodies if body.get("ConsistentRead") is not True] == []


async def test_what_is_throttled_is_tried_again_and_given_up_in_time(watched: Watched) -> None:
    """AP-LIM-03: closed."""
    await whole_turn(watched.stores.turns)
    watched.place.answer = times(1, "Query", THROTTLED)
    assert len((await watched.stores.conversations.page(ANNA, limit=9, cursor=None)).items) == 1
    assert watched.place.calls["Query"] == 2

    shares = (Share(ANNA, Amount(10)), Share(EVERYBODY, Amount()))
    reservation = Reservation(amount=Amount(1), day="1970-01-01", ends_at=86400.0, shares=shares)
    watched.place.answer = times(99, "TransactWriteItems", THROTTLED)
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        await watched.stores.budgets.reserve("one", reservation, at=1000.0)
    assert caught.value.code == "store_throttled"
    assert time.monotonic() - begun < 30
    watched.place.answer = times(0, "", THROTTLED)
    assert await watched.stores.budgets.used(ANNA, day="1970-01-01") == Amount()


async def test_a_batch_that_is_taken_in_part_is_sent_on_until_all_of_it_is(watched: Watched) -> None:
    stores, place = watched.stores, watched.place
    for _ in range(15):
        await whole_turn(stores.turns)
    await whole_turn(stores.turns, "other")

    def half(operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        if operation == "BatchWriteItem" and place.calls[operation] % 2:
            return 200, {"UnprocessedItems": body["RequestItems"]}
        if operation == "BatchGetItem" and place.calls[operation] == 1:
            return 200, {"Responses": {}, "UnprocessedKeys": body["RequestItems"]}
        return None

    place.answer = half
    assert len((await stores.conversations.search(ANNA, "noon", limit=9, cursor=None)).items) == 2
    assert place.calls["BatchGetItem"] == 2
    assert await stores.conversations.delete(ANNA, "first")
    assert await stores.conversations.delete(ANNA, "other")
    await stores.forgotten.pending(limit=1)  # goes on with what took too long
    assert watched.kinds() == {"CURSORS", "U"}, "the days that were spent stay, and nothing else"


async def test_a_write_whose_answer_was_lost_is_made_once_and_not_refused(watched: Watched) -> None:
    """The client asks again by itself. moto does not know its token, so that the same write comes a second time."""
    turns, budgets, place = watched.stores.turns, watched.stores.budgets, watched.place
    shares = (Share(ANNA, Amount(10)), Share(EVERYBODY, Amount()))
    reservation = Reservation(amount=Amount(10), day="1970-01-01", ends_at=86400.0, shares=shares)
    turn = new_turn()
    place.lose("TransactWriteItems")
    await turns.begin(turn)
    place.lose("TransactWriteItems")
    await turns.append_events(turn.turn_id, events(2, b"{}", b"{}"))
    place.lose("TransactWriteItems")
    await turns.finish(result_of(turn))
    place.lose("TransactWriteItems")
    await budgets.reserve("one", reservation, at=1000.0)
    place.lose("TransactWriteItems")
    await budgets.settle("one", Spent(amount=Amount(3)))

    assert place.calls["TransactWriteItems"] == 10
    assert len(await turns.events(turn.turn_id, after=0, limit=9)) == 3
    page = await watched.stores.conversations.messages(ANNA, "first", limit=9, cursor=None)
    assert len(page.items) == 2
    assert await budgets.used(ANNA, day="1970-01-01") == Amount(3)


async def test_a_deletion_whose_process_died_is_gone_on_with_and_nothing_of_it_is_found_meanwhile(
    watched: Watched,
) -> None:
    stores = watched.stores
    await whole_turn(stores.turns, owner=USER.key, answer="Marzipan")
    watched.place.answer = times(99, "BatchWriteItem", refusal("InternalServerError"))
    assert await stores.conversations.delete(USER.key, "first", user=USER)
    assert await stores.conversations.get(USER.key, "first") is None
    assert (await stores.conversations.messages(USER.key, "first", limit=9, cursor=None)).items == []
    assert (await stores.conversations.search(USER.key, "marzipan", limit=9, cursor=None)).items == []
    assert {"M", "T", "W", "REMOVE", "FORGET"} <= watched.kinds()

    watched.place.answer = times(0, "", CONFLICT)
    [pending] = await stores.forgotten.pending(limit=9)
    assert pending.session_id == "first"
    assert watched.kinds() == {"CURSORS", "U", "FORGET"}


async def test_texts_and_events_that_are_longer_than_an_item_may_be_are_kept_whole(watched: Watched) -> None:
    turns = watched.stores.turns
    question, answer = "ä" * 400_000, "An answer. " * 200_000
    turn = new_turn(message=question)
    await turns.begin(turn)
    large = events(2, b"x" * 700_000, b"y", b"z" * 300_001)
    await turns.append_events(turn.turn_id, large)
    await turns.append_events(turn.turn_id, events(5, b"last"))
    [left] = await turns.open_turns()
    assert left.message == question
    await turns.finish(result_of(turn, content=answer))
    await whole_turn(turns)

    page = await watched.stores.conversations.messages(ANNA, "first", limit=9, cursor=None)
    assert [len(message.content) for message in page.items] == [len(question), len(answer), 16, 11]
    assert page.items[1].content == answer
    read = await turns.events(turn.turn_id, after=1, limit=9)
    assert [event.data for event in read] == [*(event.data for event in large), b"last"]
    assert [event.sequence for event in await turns.events(turn.turn_id, after=2, limit=1)] == [3]
    assert await watched.stores.conversations.delete(ANNA, "first")
    await watched.stores.forgotten.pending(limit=1)
    assert watched.kinds() == {"CURSORS", "U"}


async def test_a_user_with_a_hundred_thousand_messages_reads_a_page_as_fast_as_any(watched: Watched) -> None:
    many = 100_000
    await whole_turn(watched.stores.turns)
    backend = dynamodb_backends["123456789012"]["us-east-1"]
    found = client().get_item(TableName=watched.name, Key=_key(layout.conversation(ANNA, "first")))["Item"]
    number = int(found["number"]["N"])
    for place in range(3, many + 1):
        item = {"role": {"S": "user"}, "status": {"S": "complete"}, "at": {"N": "1000"}, "size": {"N": "4"}}
        item |= {"id": {"S": f"m{place}"}, "turn": {"S": "t"}, "data": {"B": "dGV4dA=="}}
        key = layout.Key(layout.messages(ANNA, number), layout.position(place))
        backend.put_item(watched.name, {**_key(key), **item})
    found["count"] = {"N": str(many)}
    backend.put_item(watched.name, found)
    watched.place.forget()

    read = watched.stores.conversations.messages
    last = await read(ANNA, "first", limit=50, cursor=None, newest_first=True)
    before = await read(ANNA, "first", limit=50, cursor=last.previous_cursor)
    first = await read(ANNA, "first", limit=50, cursor=None)

    assert [page.items[0].position for page in (last, before, first)] == [many - 49, many - 99, 1]
    assert watched.place.calls == {"GetItem": 3, "Query": 3}
    assert watched.place.items == 150, "no more is read than is shown"


async def test_the_oldest_words_of_a_user_with_many_are_found_by_a_few_queries(watched: Watched) -> None:
    """moto walks through the whole partition for each query, so that there are 20,000 texts and not more."""
    await whole_turn(watched.stores.turns)
    backend = dynamodb_backends["123456789012"]["us-east-1"]
    for place in range(20_000):
        words = {"words": {"S": f" text w{place} and thirty other letters of it"}, "session": {"S": "later"}}
        backend.put_item(watched.name, {**_key(layout.words(ANNA, 2**62, place)), **words})
    watched.place.forget()

    found = await watched.stores.conversations.search(ANNA, "time noon", limit=10, cursor=None)

    assert [each.session_id for each in found.items] == ["first"]
    # 2.6 MB of words, as a query gives back 1 MB at most; then the conversation itself.
    assert watched.place.calls["Query"] == 3
    assert watched.place.items < 5, "what holds none of the words is left out over there"


async def test_of_two_who_settle_one_charge_at_once_one_does(watched: Watched) -> None:
    budgets = watched.stores.budgets
    shares = (Share(ANNA, Amount()), Share(EVERYBODY, Amount()))
    reservation = Reservation(amount=Amount(10), day="1970-01-01", ends_at=86400.0, shares=shares)
    await budgets.reserve("one", reservation, at=1000.0)
    await asyncio.gather(*(budgets.settle("one", Spent(amount=Amount(3))) for _ in range(10)))
    assert await budgets.used(EVERYBODY, day="1970-01-01") == Amount(3)


async def test_what_another_process_has_just_set_aside_is_not_lost(watched: Watched, clock: MovableClock) -> None:
    """Functions live side by side: one that starts says nothing of the others."""
    shares = (Share(BORIS, Amount()), Share(EVERYBODY, Amount()))
    reservation = Reservation(amount=Amount(10), day="1970-01-01", ends_at=86400.0, shares=shares)
    await watched.stores.budgets.reserve("one", reservation, at=clock.now)
    assert await watched.stores.budgets.settle_lost() == 0
    clock.now += 7201
    assert await watched.stores.budgets.settle_lost() == 1


async def test_of_many_requests_at_once_at_two_functions_as_many_are_admitted_as_the_rate_allows(
    watched: Watched,
) -> None:
    """AP-LIM-02"""
    now = [1_700_000_000_000_000_000]
    local = RateLimiter(5, 10.0)
    rates = [DynamoLimiter(watched.stores.table, 5, 10.0, local, clock=lambda: now[0]) for _ in range(2)]
    states = await asyncio.gather(*(rates[number % 2].take("anna") for number in range(30)))

    admitted = [state for state in states if state.admitted]
    assert sorted(state.remaining for state in admitted) == [0, 1, 2, 3, 4]
    assert {round(state.retry_after, 6) for state in states if not state.admitted} == {2.0}
    assert (await rates[0].take("boris")).admitted
    now[0] += 1_999_999_999
    assert not (await rates[1].take("anna")).admitted
    now[0] += 1
    assert (await rates[0].take("anna")).admitted
    watched.place.forget()
    assert not (await rates[1].take("anna")).admitted
    assert watched.place.calls == {"UpdateItem": 3, "GetItem": 1}, "as the page of costs counts it"


async def test_a_rate_is_counted_alone_while_the_table_does_not_answer(watched: Watched) -> None:
    rate = watched.stores.limiter(2, 10.0, RateLimiter(2, 10.0))
    await asyncio.to_thread(watched.stores.close)
    assert [(await rate.take("anna")).admitted for _ in range(3)] == [True, True, False]


async def test_a_table_that_is_not_there_is_said_at_the_start(dynamo_server: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        open_table("nowhere", region="us-east-1")
    assert caught.value.code == "store_not_found"


def _key(key: layout.Key) -> dict[str, dict[str, str]]:
    return {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
