"""Events of a turn are made durable in batches, which keep their pace where each costs money."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from doorward.model.chat import TurnEvent
from doorward.services.chat.tail import LiveTail
from doorward.services.chat.writer import EventWriter

pytestmark = pytest.mark.anyio


class Batches:
    """`TurnStore`, as far as events are appended."""

    def __init__(self) -> None:
        self.kept: list[list[bytes]] = []
        self.more = asyncio.Semaphore(0)

    async def append_events(self, turn_id: str, events: Sequence[TurnEvent]) -> None:
        del turn_id
        self.kept.append([event.data for event in events])
        self.more.release()


def writer(turns: Any, pace: float) -> EventWriter:
    def never() -> None:
        raise AssertionError("nothing goes wrong here")

    return EventWriter(turns, "one", LiveTail(), never, pace)


async def test_with_a_pace_the_first_event_is_kept_at_once_and_the_end_does_not_wait() -> None:
    turns = Batches()
    paced = writer(turns, 3600.0)
    async with asyncio.timeout(15):
        paced.add([b"first"])
        await turns.more.acquire()
        for word in (b"second", b"third"):
            paced.add([word])
            await asyncio.sleep(0)
        rest = await paced.rest([b"last"])
    assert turns.kept == [[b"first"]]
    assert [(event.sequence, event.data) for event in rest] == [(3, b"second"), (4, b"third"), (5, b"last")]


async def test_who_needs_room_does_not_wait_for_the_pace_either() -> None:
    turns = Batches()
    paced = writer(turns, 3600.0)
    async with asyncio.timeout(15):
        for word in (b"first", b"second"):
            paced.add([word])
            await paced.room()
    assert turns.kept == [[b"first"], [b"second"]]


async def test_without_a_pace_each_batch_follows_the_other() -> None:
    turns = Batches()
    free = writer(turns, 0.0)
    async with asyncio.timeout(15):
        for word in (b"first", b"second"):
            free.add([word])
            await turns.more.acquire()
    assert turns.kept == [[b"first"], [b"second"]]
    assert await free.rest([]) == ()
