"""The contract of `ConversationStore`."""

import pytest
from tests.contract.building import ANNA, BORIS, new_turn, result_of, whole_turn

from doorward.errors import Conflict, InvalidInput
from doorward.ports.functions import OpenedStores

pytestmark = pytest.mark.anyio


async def test_a_page_is_newest_first_and_its_cursor_leads_on_without_overlap(shared: OpenedStores) -> None:
    for number in range(7):
        await whole_turn(shared.turns, f"s{number}", at=1000.0 + number)

    first = await shared.conversations.page(ANNA, limit=3, cursor=None)
    second = await shared.conversations.page(ANNA, limit=3, cursor=first.next_cursor)
    third = await shared.conversations.page(ANNA, limit=3, cursor=second.next_cursor)

    pages = [[item.session_id for item in page.items] for page in (first, second, third)]
    assert pages == [["s6", "s5", "s4"], ["s3", "s2", "s1"], ["s0"]]
    assert third.next_cursor is None


async def test_an_exactly_full_last_page_has_no_next_cursor(shared: OpenedStores) -> None:
    for number in range(4):
        await whole_turn(shared.turns, f"s{number}")

    first = await shared.conversations.page(ANNA, limit=2, cursor=None)
    second = await shared.conversations.page(ANNA, limit=2, cursor=first.next_cursor)

    assert (len(second.items), second.next_cursor) == (2, None)


async def test_conversations_of_the_same_instant_are_each_listed_once(shared: OpenedStores) -> None:
    for number in range(9):
        await whole_turn(shared.turns, f"s{number}", at=1000.0)

    seen: list[str] = []
    cursor = None
    while True:
        page = await shared.conversations.page(ANNA, limit=2, cursor=cursor)
        seen += [item.session_id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert sorted(seen) == [f"s{number}" for number in range(9)]


async def test_conversations_that_begin_while_one_pages_do_not_shift_the_pages(shared: OpenedStores) -> None:
    for number in range(4):
        await whole_turn(shared.turns, f"s{number}", at=1000.0 + number)
    first = await shared.conversations.page(ANNA, limit=2, cursor=None)

    await whole_turn(shared.turns, "new", at=2000.0)

    second = await shared.conversations.page(ANNA, limit=2, cursor=first.next_cursor)
    assert [item.session_id for item in second.items] == ["s1", "s0"]


async def test_a_turn_moves_its_conversation_to_the_top(shared: OpenedStores) -> None:
    await whole_turn(shared.turns, "old", at=1000.0)
    await whole_turn(shared.turns, "newer", at=1001.0)

    await whole_turn(shared.turns, "old", at=1002.0)

    page = await shared.conversations.page(ANNA, limit=10, cursor=None)
    assert [(c.session_id, c.created_at, c.updated_at, c.message_count) for c in page.items] == [
        ("old", 1000.0, 1002.0, 4),
        ("newer", 1001.0, 1001.0, 2),
    ]


async def test_another_owner_sees_nothing_of_it(shared: OpenedStores) -> None:
    """AP-SES-01: every verb answers as if it did not exist, and changes nothing."""
    turn = await whole_turn(shared.turns, "secret")
    before = await shared.conversations.get(ANNA, "secret")
    assert before is not None

    store = shared.conversations
    assert (await store.page(BORIS, limit=10, cursor=None)).items == []
    assert await store.get(BORIS, "secret") is None
    assert (await store.messages(BORIS, "secret", limit=10, cursor=None)).items == []
    assert (await store.search(BORIS, "noon", limit=10, cursor=None)).items == []
    assert not await store.rename(BORIS, "secret", "Mine", by_user=True)
    assert not await store.delete(BORIS, "secret")
    assert await shared.turns.get(BORIS, turn.turn_id) is None
    assert await store.get(ANNA, "secret") == before


async def test_the_same_session_id_of_two_owners_is_two_conversations(shared: OpenedStores) -> None:
    """AP-SES-02."""
    await whole_turn(shared.turns, "same", owner=ANNA, message="From Anna")
    await whole_turn(shared.turns, "same", owner=BORIS, message="From Boris")

    await shared.conversations.delete(BORIS, "same")

    page = await shared.conversations.messages(ANNA, "same", limit=10, cursor=None)
    assert [message.content for message in page.items] == ["From Anna", "It is noon."]


async def test_a_cursor_of_another_owner_or_list_is_refused(shared: OpenedStores) -> None:
    """AP-SES-03."""
    for owner in (ANNA, BORIS):
        for number in range(3):
            await whole_turn(shared.turns, f"s{number}", owner=owner)
    store = shared.conversations
    listing = (await store.page(ANNA, limit=1, cursor=None)).next_cursor
    reading = (await store.messages(ANNA, "s0", limit=1, cursor=None)).next_cursor
    finding = (await store.search(ANNA, "noon", limit=1, cursor=None)).next_cursor
    assert listing
    assert reading
    assert finding

    async def refused(page: object) -> None:
        with pytest.raises(InvalidInput) as caught:
            await page  # type: ignore[misc]
        assert caught.value.code == "invalid_cursor"

    await refused(store.page(BORIS, limit=1, cursor=listing))
    await refused(store.search(ANNA, "noon", limit=1, cursor=listing))
    await refused(store.search(ANNA, "time", limit=1, cursor=finding))
    await refused(store.search(BORIS, "noon", limit=1, cursor=finding))
    await refused(store.messages(ANNA, "s1", limit=1, cursor=reading))
    await refused(store.messages(BORIS, "s0", limit=1, cursor=reading))
    await refused(store.page(ANNA, limit=1, cursor=reading))


@pytest.mark.parametrize("forged", ["", "0", "AAAA", "=", "ö", "%00", "x" * 10_000, "\ud800"])
async def test_a_made_up_cursor_is_refused(shared: OpenedStores, forged: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await shared.conversations.page(ANNA, limit=1, cursor=forged)
    assert caught.value.code == "invalid_cursor"


async def test_a_cursor_with_any_single_character_changed_is_refused(shared: OpenedStores) -> None:
    """AP-SES-03."""
    for number in range(2):
        await whole_turn(shared.turns, f"s{number}")
    cursor = (await shared.conversations.page(ANNA, limit=1, cursor=None)).next_cursor
    assert cursor

    for place in range(len(cursor)):
        edited = cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        with pytest.raises(InvalidInput):
            await shared.conversations.page(ANNA, limit=1, cursor=edited)
    for edited in (cursor + "A", cursor + "=", cursor[:-1]):
        with pytest.raises(InvalidInput):
            await shared.conversations.page(ANNA, limit=1, cursor=edited)


async def test_messages_page_forwards_and_back_over_the_same_pages(shared: OpenedStores) -> None:
    for number in range(4):
        await whole_turn(shared.turns, message=f"q{number}", answer=f"a{number}")
    read = shared.conversations.messages

    first = await read(ANNA, "first", limit=3, cursor=None)
    second = await read(ANNA, "first", limit=3, cursor=first.next_cursor)
    third = await read(ANNA, "first", limit=3, cursor=second.next_cursor)
    assert [message.content for page in (first, second, third) for message in page.items] == [
        "q0", "a0", "q1", "a1", "q2", "a2", "q3", "a3"
    ]  # fmt: skip
    assert [message.position for page in (first, second, third) for message in page.items] == list(range(1, 9))
    assert first.previous_cursor is None
    assert third.next_cursor is None

    assert (await read(ANNA, "first", limit=3, cursor=third.previous_cursor)).items == second.items
    back = await read(ANNA, "first", limit=3, cursor=second.previous_cursor)
    assert (back.items, back.previous_cursor) == (first.items, None)


async def test_newest_first_begins_at_the_end_but_stays_in_ascending_order(shared: OpenedStores) -> None:
    for number in range(3):
        await whole_turn(shared.turns, message=f"q{number}", answer=f"a{number}")
    read = shared.conversations.messages

    last = await read(ANNA, "first", limit=4, cursor=None, newest_first=True)
    earlier = await read(ANNA, "first", limit=4, cursor=last.previous_cursor, newest_first=True)

    assert [message.content for message in last.items] == ["q1", "a1", "q2", "a2"]
    assert last.next_cursor is None
    assert [message.content for message in earlier.items] == ["q0", "a0"]
    assert earlier.previous_cursor is None
    assert (await read(ANNA, "first", limit=4, cursor=earlier.next_cursor)).items == last.items


async def test_a_model_names_a_conversation_only_until_the_user_has(shared: OpenedStores) -> None:
    await whole_turn(shared.turns)
    store = shared.conversations

    assert await store.rename(ANNA, "first", "By the model", by_user=False)
    assert await store.rename(ANNA, "first", "By Anna", by_user=True)
    assert not await store.rename(ANNA, "first", "By the model again", by_user=False)

    found = await store.get(ANNA, "first")
    assert found is not None
    assert (found.name, found.renamed, found.updated_at) == ("By Anna", True, 1000.0)


async def test_deleting_removes_messages_turns_events_and_words_but_not_what_was_spent(
    shared: OpenedStores,
) -> None:
    turn = await whole_turn(shared.turns, answer="Marzipan")
    await whole_turn(shared.turns, "other")

    assert await shared.conversations.delete(ANNA, "first")

    assert not await shared.conversations.delete(ANNA, "first")
    assert await shared.conversations.get(ANNA, "first") is None
    assert (await shared.conversations.messages(ANNA, "first", limit=9, cursor=None)).items == []
    assert (await shared.conversations.search(ANNA, "marzipan", limit=9, cursor=None)).items == []
    assert await shared.turns.get(ANNA, turn.turn_id) is None
    assert await shared.turns.events(turn.turn_id, after=0, limit=9) == []
    (day,) = await shared.usage.by_day(ANNA, days=1, today="1970-01-01")
    assert day.turns == 2
    assert len((await shared.conversations.search(ANNA, "noon", limit=9, cursor=None)).items) == 1


async def test_a_conversation_made_again_after_deletion_is_empty_of_the_old_one(shared: OpenedStores) -> None:
    await whole_turn(shared.turns, answer="Marzipan")
    await shared.conversations.delete(ANNA, "first")

    await whole_turn(shared.turns, answer="Nougat")

    page = await shared.conversations.messages(ANNA, "first", limit=9, cursor=None)
    assert [message.content for message in page.items] == ["What time is it?", "Nougat"]
    assert (await shared.conversations.search(ANNA, "marzipan", limit=9, cursor=None)).items == []


async def test_a_conversation_with_a_running_turn_cannot_be_deleted(shared: OpenedStores) -> None:
    turn = new_turn()
    await shared.turns.begin(turn)

    with pytest.raises(Conflict) as caught:
        await shared.conversations.delete(ANNA, "first")

    assert caught.value.code == "turn_active"
    await shared.turns.finish(result_of(turn))
    assert await shared.conversations.delete(ANNA, "first")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("weather", True),
        ("WEATH", True),
        ("boston wea", True),
        ("sunny question", True),
        ("sunny paris", False),
        ("eather", False),
        ("cafe", True),
        ("CAFÉ", True),
        ("hauptstrasse", True),
        ("天気", True),
        ('" OR * NOT ( NEAR', False),
        ("!!!", False),
        ("\x00", False),
    ],
)
async def test_search_finds_every_word_as_a_prefix_in_names_and_messages(
    shared: OpenedStores, query: str, *, found: bool
) -> None:
    await whole_turn(
        shared.turns,
        message="Weather in Boston, a question of the day",
        answer="Sunny. The café in the Hauptstraße is open. 今日の天気",
    )

    page = await shared.conversations.search(ANNA, query, limit=9, cursor=None)

    assert bool(page.items) is found


async def test_search_pages_newest_first_and_follows_a_rename(shared: OpenedStores) -> None:
    for number in range(5):
        await whole_turn(shared.turns, f"s{number}", at=1000.0 + number)
    store = shared.conversations
    await store.rename(ANNA, "s1", "Holidays", by_user=True)

    first = await store.search(ANNA, "noon", limit=3, cursor=None)
    second = await store.search(ANNA, "noon", limit=3, cursor=first.next_cursor)
    assert [item.session_id for item in first.items + second.items] == ["s4", "s3", "s2", "s1", "s0"]
    assert second.next_cursor is None
    assert [c.session_id for c in (await store.search(ANNA, "holi", limit=9, cursor=None)).items] == ["s1"]
    await store.rename(ANNA, "s1", "Work", by_user=True)
    assert (await store.search(ANNA, "holi", limit=9, cursor=None)).items == []


async def test_search_sees_only_the_words_of_its_owner(shared: OpenedStores) -> None:
    """AP-SES-03: also when a message spells another owner's key."""
    await whole_turn(shared.turns, owner=ANNA, message=f"{BORIS}noon {BORIS}", answer="x")
    await whole_turn(shared.turns, owner=BORIS, answer="y")

    page = await shared.conversations.search(BORIS, "noon", limit=9, cursor=None)

    assert page.items == []
