"""The contract of `MemoryStore` and `MemoryEraser`. What it is over the wire is in `tests/unit/agent_door`."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.contract.building import ANNA, BORIS, MovableClock

from doorward.errors import InvalidInput, QuotaExceeded
from doorward.model.memory import Bounds, Branch, EventQuery, MemorySession, MetadataTest, NewEvent
from doorward.stores.sqlite.open import RuntimeStores

pytestmark = pytest.mark.anyio

DAY = 86400.0
BOUNDS = Bounds(keep=90 * DAY, session_events=1000, session_bytes=1_000_000)
PLACE = MemorySession("hello-0123456789", ANNA, "s")


def event(token: str, where: MemorySession = PLACE, **changes: Any) -> NewEvent:
    told: dict[str, Any] = {
        "where": where,
        "at": 1000,
        "payload": b'["%s"]' % token.encode(),
        "branch": None,
        "metadata": {},
        "token": token,
        "digest": token.encode(),
    }
    return NewEvent(**{**told, **changes})


async def payloads(stores: RuntimeStores, where: MemorySession = PLACE, **query: Any) -> list[str]:
    page = await stores.memory.events(where, EventQuery(**query))
    return [bytes(found.payload).decode().strip('[]"') for found in page.items]


async def test_memory_actor_and_session_each_keep_events_apart(runtime: RuntimeStores) -> None:
    """AP-SES-06."""
    places = [
        PLACE,
        MemorySession("other-0123456789", ANNA, "s"),
        MemorySession(PLACE.memory, BORIS, "s"),
        MemorySession(PLACE.memory, ANNA, "t"),
    ]
    made = [
        await runtime.memory.create(event("same", place, payload=b'["%d"]' % n), BOUNDS)
        for n, place in enumerate(places)
        if n != 3
    ]
    made.append(await runtime.memory.create(event("another", places[3], payload=b'["3"]'), BOUNDS))

    assert [await payloads(runtime, place) for place in places] == [["0"], ["1"], ["2"], ["3"]]
    for found in made:
        for place in places:
            assert (await runtime.memory.get(place, found.event_id) is not None) == (found.where == place)
            assert not await runtime.memory.delete(place, found.event_id) or found.where == place


async def test_of_many_equal_calls_at_once_one_event_is_made(runtime: RuntimeStores) -> None:
    made = await asyncio.gather(*(runtime.memory.create(event("token"), BOUNDS) for _ in range(20)))

    assert len({found.event_id for found in made}) == 1
    assert await payloads(runtime) == ["token"]
    with pytest.raises(InvalidInput) as caught:
        await runtime.memory.create(event("token", digest=b"another"), BOUNDS)
    assert caught.value.code == "token_reused"


async def test_a_token_is_known_after_a_restart(reopen_runtime: Callable[[], RuntimeStores]) -> None:
    before = reopen_runtime()
    made = await before.memory.create(event("token"), BOUNDS)
    before.close()

    after = reopen_runtime()
    try:
        assert (await after.memory.create(event("token"), BOUNDS)).event_id == made.event_id
        assert await payloads(after) == ["token"]
    finally:
        after.close()


async def test_of_many_at_once_exactly_those_that_fit_are_kept(runtime: RuntimeStores) -> None:
    small = Bounds(keep=DAY, session_events=5, session_bytes=1_000_000)
    made = await asyncio.gather(
        *(runtime.memory.create(event(f"t{number}"), small) for number in range(20)), return_exceptions=True
    )

    refused = [error for error in made if isinstance(error, QuotaExceeded)]
    assert len(refused) == 15
    assert len(await payloads(runtime)) == 5


async def test_events_end_with_their_time_and_make_room(runtime: RuntimeStores, clock: MovableClock) -> None:
    short = Bounds(keep=DAY, session_events=1, session_bytes=1_000_000)
    made = await runtime.memory.create(event("old"), short)
    clock.now += DAY + 1

    assert await payloads(runtime) == []
    assert await runtime.memory.get(PLACE, made.event_id) is None
    for number in range(130):  # expired ones are swept now and then
        place = MemorySession(PLACE.memory, BORIS, f"s{number}")
        await runtime.memory.create(event(f"t{number}", place), short)
    await runtime.memory.create(event("new"), short)
    assert await payloads(runtime) == ["new"]


async def test_conditions_hold_together(runtime: RuntimeStores) -> None:
    root = await runtime.memory.create(event("root", metadata={"k": "v"}), BOUNDS)
    fork = Branch(name="fork", root_event_id=root.event_id)
    await runtime.memory.create(event("on fork", at=2000, branch=fork, metadata={"k": "v"}), BOUNDS)
    await runtime.memory.create(event("bare", at=3000, branch=Branch(name="fork")), BOUNDS)

    has = (MetadataTest("k", "EQUALS_TO", "v"),)
    assert await payloads(runtime, branch="fork", metadata=has) == ["on fork"]
    assert await payloads(runtime, branch="fork", parents=True, metadata=has) == ["on fork", "root"]
    assert await payloads(runtime, branch="fork", metadata=(MetadataTest("k", "NOT_EXISTS"),)) == ["bare"]
    with pytest.raises(InvalidInput) as caught:
        await runtime.memory.create(event("x", branch=Branch(name="b", root_event_id="1#a")), BOUNDS)
    assert caught.value.code == "root_event_unknown"


async def test_a_cursor_is_bound_to_its_list(runtime: RuntimeStores) -> None:
    """AP-SES-03."""
    for number in range(3):
        await runtime.memory.create(event(f"t{number}"), BOUNDS)
    cursor = (await runtime.memory.events(PLACE, EventQuery(limit=1))).next_cursor

    assert await payloads(runtime, cursor=cursor) == ["t1", "t0"]
    for where, query in (
        (MemorySession(PLACE.memory, BORIS, "s"), EventQuery(cursor=cursor)),
        (PLACE, EventQuery(cursor=cursor, branch="b")),
    ):
        with pytest.raises(InvalidInput):
            await runtime.memory.events(where, query)


async def test_a_session_is_forgotten_in_every_memory_and_no_other_is(runtime: RuntimeStores) -> None:
    places = [
        PLACE,
        MemorySession("other-0123456789", ANNA, "s"),
        MemorySession(PLACE.memory, BORIS, "s"),
        MemorySession(PLACE.memory, ANNA, "t"),
    ]
    for number, place in enumerate(places):
        await runtime.memory.create(event(f"t{number}", place), BOUNDS)

    await runtime.memory.forget(ANNA, "s")
    await runtime.memory.forget(ANNA, "s")

    assert [await payloads(runtime, place) for place in places] == [[], [], ["t2"], ["t3"]]
    sessions = await runtime.memory.sessions(PLACE.memory, ANNA, limit=10, cursor=None)
    assert [session.session for session in sessions.items] == ["t"]
    assert (await runtime.memory.actors(PLACE.memory, limit=10, cursor=None)).items == [ANNA, BORIS]


async def test_what_is_forgotten_between_two_pages_moves_nothing(runtime: RuntimeStores) -> None:
    memory = runtime.memory
    for name in "abcdz":
        await memory.create(event(name, MemorySession(PLACE.memory, ANNA, name)), BOUNDS)
        await memory.create(event(name, MemorySession(PLACE.memory, name, "s")), BOUNDS)
    sessions = await memory.sessions(PLACE.memory, ANNA, limit=2, cursor=None)
    actors = await memory.actors(PLACE.memory, limit=2, cursor=None)
    await memory.forget(ANNA, "b")
    await memory.forget("a", "s")
    await memory.create(event("late", MemorySession(PLACE.memory, BORIS, "zz")), BOUNDS)

    rest = await memory.sessions(PLACE.memory, ANNA, limit=9, cursor=sessions.next_cursor)
    assert [found.session for found in rest.items] == ["c", "d", "z"]
    assert actors.items == ["a", ANNA]
    assert (await memory.actors(PLACE.memory, limit=9, cursor=actors.next_cursor)).items == ["b", BORIS, "c", "d", "z"]
    with pytest.raises(InvalidInput):
        await memory.sessions(PLACE.memory, BORIS, limit=9, cursor=sessions.next_cursor)


async def test_the_longest_names_have_pages_too(runtime: RuntimeStores) -> None:
    names = [f"{'n' * 254}{number}" for number in range(3)]
    for name in names:
        await runtime.memory.create(event(name, MemorySession(PLACE.memory, name, "s")), BOUNDS)
    first = await runtime.memory.actors(PLACE.memory, limit=2, cursor=None)
    assert (await runtime.memory.actors(PLACE.memory, limit=2, cursor=first.next_cursor)).items == names[2:]


async def test_events_that_have_ended_take_no_room_and_are_told_nowhere(
    runtime: RuntimeStores, clock: MovableClock
) -> None:
    memory = runtime.memory
    bounds = Bounds(keep=DAY, session_events=2, session_bytes=1000)
    ended = await memory.create(event("one"), bounds)
    await memory.create(event("two"), bounds)
    with pytest.raises(QuotaExceeded):
        await memory.create(event("three"), bounds)
    clock.now += DAY + 1
    assert (await memory.sessions(PLACE.memory, ANNA, limit=9, cursor=None)).items == []
    assert (await memory.actors(PLACE.memory, limit=9, cursor=None)).items == []
    assert not await memory.delete(PLACE, ended.event_id)
    await memory.create(event("four"), bounds)
    assert await payloads(runtime) == ["four"]
    await memory.create(event("five"), bounds)
    with pytest.raises(QuotaExceeded):
        await memory.create(event("six"), bounds)


async def test_an_equal_call_on_a_branch_is_answered_as_the_first_one_was(runtime: RuntimeStores) -> None:
    root = await runtime.memory.create(event("root"), BOUNDS)
    await runtime.memory.create(event("first", branch=Branch(name="b", root_event_id=root.event_id)), BOUNDS)
    for token, name in (("on b", "b"), ("on main", "main")):
        told = event(token, branch=Branch(name=name))
        first = await runtime.memory.create(told, BOUNDS)
        assert await runtime.memory.create(told, BOUNDS) == first


async def test_the_first_event_of_a_branch_must_name_its_root(runtime: RuntimeStores) -> None:
    await runtime.memory.create(event("root"), BOUNDS)
    with pytest.raises(InvalidInput) as caught:
        await runtime.memory.create(event("stray", branch=Branch(name="b")), BOUNDS)
    assert caught.value.code == "root_event_unknown"
    assert await payloads(runtime) == ["root"]


async def test_metadata_take_room_too(runtime: RuntimeStores) -> None:
    small = Bounds(keep=DAY, session_events=9, session_bytes=100)
    with pytest.raises(QuotaExceeded):
        await runtime.memory.create(event("bulky", metadata={"k": "v" * 100}), small)
    await runtime.memory.create(event("slim"), small)


async def test_a_cursor_holds_for_its_conditions_only(runtime: RuntimeStores) -> None:
    """AP-SES-03."""
    root = await runtime.memory.create(event("root", metadata={"k": "v"}), BOUNDS)
    fork = Branch(name="fork", root_event_id=root.event_id)
    for number in range(2):
        await runtime.memory.create(event(f"t{number}", branch=fork, metadata={"k": "v"}), BOUNDS)
    has = (MetadataTest("k", "EXISTS"),)
    asked = EventQuery(limit=1, branch="fork", parents=True, metadata=has)
    cursor = (await runtime.memory.events(PLACE, asked)).next_cursor
    assert await payloads(runtime, cursor=cursor, branch="fork", parents=True, metadata=has) == ["t0", "root"]
    for parents, metadata in ((False, has), (True, ())):
        with pytest.raises(InvalidInput):
            await payloads(runtime, cursor=cursor, branch="fork", parents=parents, metadata=metadata)


async def test_tokens_and_empty_sessions_go_after_a_day(runtime: RuntimeStores, clock: MovableClock) -> None:
    made = await runtime.memory.create(event("gone"), BOUNDS)
    await runtime.memory.delete(PLACE, made.event_id)
    clock.now += DAY + 1
    elsewhere = MemorySession(PLACE.memory, BORIS, "s")
    for number in range(65):
        await runtime.memory.create(event(f"t{number}", elsewhere), BOUNDS)

    database = runtime.memory._database
    assert database.read("SELECT actor FROM memory_tokens WHERE token = 'gone'") == []
    assert database.read("SELECT actor FROM memory_sessions") == [(BORIS,)]


async def test_a_branch_keeps_its_ancestors_when_its_root_is_deleted(runtime: RuntimeStores) -> None:
    main = [await runtime.memory.create(event(f"main {n}", at=1000 + n), BOUNDS) for n in range(3)]
    fork = Branch(name="b", root_event_id=main[1].event_id)
    await runtime.memory.create(event("first", at=2000, branch=fork), BOUNDS)
    assert await runtime.memory.delete(PLACE, main[1].event_id)
    await runtime.memory.create(event("second", at=2001, branch=fork), BOUNDS)
    assert await payloads(runtime, branch="b", parents=True) == ["second", "first", "main 0"]


async def test_a_branch_with_more_ancestors_than_a_list_follows_is_not_made(runtime: RuntimeStores) -> None:
    made = await runtime.memory.create(event("main"), BOUNDS)
    for number in range(64):
        branch = Branch(name=f"b{number}", root_event_id=made.event_id)
        made = await runtime.memory.create(event(f"t{number}", branch=branch), BOUNDS)
    assert len(await payloads(runtime, limit=100, branch="b63", parents=True)) == 65
    with pytest.raises(InvalidInput) as caught:
        await runtime.memory.create(event("deep", branch=Branch(name="deep", root_event_id=made.event_id)), BOUNDS)
    assert caught.value.code == "branch_too_deep"
