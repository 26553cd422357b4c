"""The contract of `TurnStore`."""

import asyncio

import msgspec
import pytest
from tests.contract.building import ANNA, BORIS, events, new_turn, result_of

from doorward.errors import Conflict, DoorwardError, KeyReused, NotFound
from doorward.model.chat import Idempotency, MessageStatus, OpenTurn, Turn, TurnStatus, Usage
from doorward.ports.functions import OpenedStores

pytestmark = pytest.mark.anyio


async def test_beginning_stores_the_message_the_turn_and_its_first_event_at_once(shared: OpenedStores) -> None:
    turn = new_turn()

    begun = await shared.turns.begin(turn)

    assert begun == Turn(id=turn.turn_id, session_id="first", owner=ANNA, status=TurnStatus.RUNNING, started_at=turn.at)
    assert await shared.turns.get(ANNA, turn.turn_id) == begun
    assert await shared.turns.events(turn.turn_id, after=0, limit=9) == list(events(1, turn.first_event))
    (message,) = (await shared.conversations.messages(ANNA, "first", limit=9, cursor=None)).items
    assert (message.id, message.role, message.content, message.position) == (
        turn.message_id,
        "user",
        turn.message,
        1,
    )
    conversation = await shared.conversations.get(ANNA, "first")
    assert conversation is not None
    assert (conversation.name, conversation.renamed, conversation.message_count) == ("The time", False, 1)


async def test_of_many_turns_begun_at_once_in_one_conversation_one_wins(shared: OpenedStores) -> None:
    results = await asyncio.gather(*(shared.turns.begin(new_turn()) for _ in range(20)), return_exceptions=True)

    refused = [result for result in results if isinstance(result, Conflict)]
    assert len(refused) == 19
    assert {error.code for error in refused} == {"turn_active"}
    assert len((await shared.conversations.messages(ANNA, "first", limit=99, cursor=None)).items) == 1


async def test_turns_of_different_conversations_and_owners_run_side_by_side(shared: OpenedStores) -> None:
    await shared.turns.begin(new_turn("one"))
    await shared.turns.begin(new_turn("two"))
    await shared.turns.begin(new_turn("one", owner=BORIS))


async def test_a_turn_id_that_is_taken_is_refused_and_leaves_nothing(shared: OpenedStores) -> None:
    turn = new_turn("one")
    await shared.turns.begin(turn)

    with pytest.raises(Conflict):
        await shared.turns.begin(msgspec.structs.replace(turn, session_id="two"))

    assert await shared.conversations.get(ANNA, "two") is None


async def test_finishing_stores_events_answer_outcome_and_usage_at_once(shared: OpenedStores) -> None:
    turn = new_turn()
    await shared.turns.begin(turn)
    usage = Usage(model="rehearsal", input_tokens=12, output_tokens=34)

    await shared.turns.finish(result_of(turn, at=1003.0, events=events(2, b'{"type":"RUN_FINISHED"}'), usage=usage))

    ended = await shared.turns.get(ANNA, turn.turn_id)
    assert ended is not None
    assert (ended.status, ended.finished_at, ended.error_code, ended.usage) == (
        TurnStatus.COMPLETED,
        1003.0,
        None,
        usage,
    )
    page = await shared.conversations.messages(ANNA, "first", limit=9, cursor=None)
    assert [(message.role, message.content, message.turn_id) for message in page.items] == [
        ("user", turn.message, turn.turn_id),
        ("assistant", "It is noon.", turn.turn_id),
    ]
    assert len(await shared.turns.events(turn.turn_id, after=0, limit=9)) == 2


async def test_finishing_again_changes_nothing(shared: OpenedStores) -> None:
    turn = new_turn()
    await shared.turns.begin(turn)
    await shared.turns.finish(result_of(turn))
    before = await shared.turns.get(ANNA, turn.turn_id)

    await shared.turns.finish(
        result_of(turn, status=TurnStatus.FAILED, content="Other", at=2000.0, events=events(2, b"{}"))
    )

    assert await shared.turns.get(ANNA, turn.turn_id) == before
    assert len((await shared.conversations.messages(ANNA, "first", limit=9, cursor=None)).items) == 2
    (day,) = await shared.usage.by_day(ANNA, days=1, today="1970-01-01")
    assert day.turns == 1


@pytest.mark.parametrize(
    ("status", "content", "stored"),
    [
        (TurnStatus.FAILED, "", True),
        (TurnStatus.FAILED, "Half", True),
        (TurnStatus.CANCELLED, "Half", True),
        (TurnStatus.CANCELLED, "", False),
    ],
)
async def test_an_answer_is_kept_when_it_has_content_or_failed(
    shared: OpenedStores, status: TurnStatus, content: str, *, stored: bool
) -> None:
    turn = new_turn()
    await shared.turns.begin(turn)

    await shared.turns.finish(
        result_of(turn, status=status, content=content, message_status=MessageStatus.FAILED, error_code="agent_failed")
    )

    answers = (await shared.conversations.messages(ANNA, "first", limit=9, cursor=None)).items[1:]
    assert [(message.content, message.status) for message in answers] == (
        [(content, MessageStatus.FAILED)] if stored else []
    )


async def test_after_a_turn_has_ended_the_next_one_may_begin(shared: OpenedStores) -> None:
    first = new_turn()
    await shared.turns.begin(first)
    await shared.turns.finish(result_of(first))

    second = await shared.turns.begin(new_turn())

    assert second.status == TurnStatus.RUNNING


async def test_events_are_read_in_order_from_any_number_in_any_amount(shared: OpenedStores) -> None:
    turn = new_turn(first_event=b"1")
    await shared.turns.begin(turn)
    await shared.turns.append_events(turn.turn_id, events(2, b"2", b"3", b"4"))
    await shared.turns.append_events(turn.turn_id, [])
    await shared.turns.append_events(turn.turn_id, events(5, b"5"))
    await shared.turns.finish(result_of(turn, events=events(6, b"6", b"7")))
    log = events(1, *(str(number).encode() for number in range(1, 8)))

    for after in range(9):
        for limit in range(9):
            found = await shared.turns.events(turn.turn_id, after=after, limit=limit)
            assert found == list(log[after : after + limit]), (after, limit)


async def test_events_of_neighbouring_turns_do_not_mix(shared: OpenedStores) -> None:
    turns = [new_turn(f"s{number}", first_event=str(number).encode()) for number in range(3)]
    for turn in turns:
        await shared.turns.begin(turn)
    await asyncio.gather(
        *(
            shared.turns.append_events(turn.turn_id, events(2, *[f"{number}".encode()] * 3))
            for number, turn in enumerate(turns)
        )
    )

    for number, turn in enumerate(turns):
        found = await shared.turns.events(turn.turn_id, after=0, limit=99)
        assert [event.data for event in found] == [str(number).encode()] * 4


@pytest.mark.parametrize("first", [1, 3])
async def test_events_that_repeat_or_leave_a_gap_are_refused(shared: OpenedStores, first: int) -> None:
    turn = new_turn()
    await shared.turns.begin(turn)

    with pytest.raises(DoorwardError) as caught:
        await shared.turns.append_events(turn.turn_id, events(first, b"{}"))

    assert caught.value.code == "event_out_of_order"
    assert len(await shared.turns.events(turn.turn_id, after=0, limit=9)) == 1


async def test_an_ended_turn_takes_no_more_events(shared: OpenedStores) -> None:
    turn = new_turn()
    await shared.turns.begin(turn)
    await shared.turns.finish(result_of(turn))

    with pytest.raises(Conflict) as caught:
        await shared.turns.append_events(turn.turn_id, events(2, b"{}"))

    assert caught.value.code == "turn_ended"


async def test_a_turn_that_runs_can_be_gone_on_with_by_another_process(shared: OpenedStores) -> None:
    """F-02"""
    begun = {"issuer": "https://issuer.test", "subject": "anna", "tenant": "acme", "answer_id": "answer"}
    first, second = new_turn("one", message="What?", **begun), new_turn("two", owner=BORIS)
    done = new_turn("three")
    for turn in (first, second, done):
        await shared.turns.begin(turn)
    await shared.turns.finish(result_of(done))
    await shared.turns.append_events(first.turn_id, events(2, b"{}", b"{}"))
    await shared.turns.append_events(first.turn_id, events(4, b"{}"))

    one, two = await shared.turns.open_turns()

    assert one == OpenTurn(
        turn=Turn(
            id=first.turn_id, session_id="one", owner=ANNA, status=TurnStatus.RUNNING, started_at=first.at
        ),
        **begun,
        request_id=first.request_id,
        message="What?",
        last_event=4,
        first=True,
    )  # fmt: skip
    assert (two.turn.owner, two.subject, two.last_event, two.first) == (BORIS, "", 1, True)
    await shared.turns.append_events(first.turn_id, events(5, b"{}"))
    await shared.turns.finish(result_of(first))
    assert [left.turn.id for left in await shared.turns.open_turns()] == [second.turn_id]
    later = new_turn("one", message="And then?")
    await shared.turns.begin(later)
    assert [(left.message, left.first) for left in await shared.turns.open_turns()][1] == ("And then?", False)


KEY = Idempotency(b"k" * 32, b"b" * 32, 1000.0 + 60)


async def test_a_key_that_is_known_gives_its_turn_and_writes_nothing(shared: OpenedStores) -> None:
    first = await shared.turns.begin(new_turn("one", idempotency=KEY))

    again = await shared.turns.begin(new_turn("two", idempotency=KEY))

    assert again == first == await shared.turns.keyed(ANNA, KEY, at=1001.0)
    assert await shared.conversations.get(ANNA, "two") is None


async def test_of_many_equal_sends_begun_at_once_one_begins_and_all_get_it(shared: OpenedStores) -> None:
    """F-17"""
    turns = await asyncio.gather(*(shared.turns.begin(new_turn(f"s{n}", idempotency=KEY)) for n in range(50)))

    assert len({turn.id for turn in turns}) == 1
    assert len((await shared.conversations.page(ANNA, limit=99, cursor=None)).items) == 1


async def test_a_known_key_with_another_body_is_refused_and_another_owner_has_keys_of_their_own(
    shared: OpenedStores,
) -> None:
    """AP-LIM-06"""
    mine = await shared.turns.begin(new_turn("one", idempotency=KEY))
    other = msgspec.structs.replace(KEY, body=b"c" * 32)

    with pytest.raises(KeyReused):
        await shared.turns.begin(new_turn("two", idempotency=other))
    with pytest.raises(KeyReused):
        await shared.turns.keyed(ANNA, other, at=1001.0)
    assert await shared.turns.keyed(BORIS, KEY, at=1001.0) is None
    assert (await shared.turns.begin(new_turn("one", owner=BORIS, idempotency=KEY))).id != mine.id


async def test_a_key_is_kept_to_its_time_and_as_long_as_its_turn_runs(shared: OpenedStores) -> None:
    turn = new_turn("one", idempotency=KEY)
    await shared.turns.begin(turn)

    assert await shared.turns.keyed(ANNA, KEY, at=9999.0) is not None
    await shared.turns.finish(result_of(turn))
    assert await shared.turns.keyed(ANNA, KEY, at=1059.9) is not None
    assert await shared.turns.keyed(ANNA, KEY, at=1060.0) is None
    second = await shared.turns.begin(new_turn("two", idempotency=KEY, at=1060.0))
    assert second.id != turn.turn_id


async def test_a_key_whose_conversation_was_deleted_begins_nothing_anew(shared: OpenedStores) -> None:
    turn = new_turn("one", idempotency=KEY)
    await shared.turns.begin(turn)
    await shared.turns.finish(result_of(turn))
    await shared.conversations.delete(ANNA, "one")

    for ask in (shared.turns.begin(new_turn("two", idempotency=KEY)), shared.turns.keyed(ANNA, KEY, at=1001.0)):
        with pytest.raises(NotFound):
            await ask


async def test_a_turn_that_is_refused_keeps_no_key(shared: OpenedStores) -> None:
    await shared.turns.begin(new_turn("one"))

    with pytest.raises(Conflict):
        await shared.turns.begin(new_turn("one", idempotency=KEY))

    assert await shared.turns.keyed(ANNA, KEY, at=1001.0) is None
