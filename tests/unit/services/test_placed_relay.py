"""The relay's bound on one user's calls at once, counted for all functions."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.building import MovableClock
from tests.unit.services.house import ANNA, BEN

from doorward.errors import AgentFailed, StoreUnavailable, TooManyRequests
from doorward.model.chat import Usage
from doorward.model.principals import User
from doorward.ports.services import Answer
from doorward.services.marked_places import MarkedPlaces
from doorward.services.placed_relay import PlacedRelay
from doorward.stores.sqlite.open import GatewayStores, open_gateway

pytestmark = pytest.mark.anyio


class Slow:
    """A relay that answers when it may."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.asked = asyncio.Semaphore(0)
        self.breaks = False

    async def send(self, user: User, message: str, session_id: str | None, request_id: str) -> Answer:
        del user, session_id, request_id
        self.asked.release()
        await self.may.wait()
        if self.breaks:
            raise AgentFailed("The agent failed.")
        return Answer(response=message, session_id="s", turn_id="t", usage=Usage())


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[GatewayStores]:
    opened = open_gateway(tmp_path / "gateway.db")
    yield opened
    opened.close()


def placed(
    stores: GatewayStores, relay: Slow, most: int | None = 2, clock: Callable[[], float] = time.time
) -> PlacedRelay:
    """One of the functions: each request has one of its own."""
    return PlacedRelay(relay, MarkedPlaces(stores.marks), clock, most=most, timeout=60.0)


async def test_a_user_has_so_many_calls_at_once_over_all_functions_and_no_more(stores: GatewayStores) -> None:
    """AP-LIM-04"""
    slow = Slow()
    running = [asyncio.create_task(placed(stores, slow).send(ANNA, "hello", None, "r")) for _ in range(2)]
    for _ in running:
        await slow.asked.acquire()
    with pytest.raises(TooManyRequests) as caught:
        await placed(stores, slow).send(ANNA, "hello", None, "r")
    assert caught.value.code == "too_many_turns"
    slow.may.set()
    assert (await placed(stores, slow).send(BEN, "mine", None, "r")).response == "mine"
    await asyncio.gather(*running)
    assert (await placed(stores, slow).send(ANNA, "again", None, "r")).response == "again"


async def test_a_call_that_fails_gives_its_place_back(stores: GatewayStores) -> None:
    slow = Slow()
    slow.may.set()
    slow.breaks = True
    for _ in range(3):
        with pytest.raises(AgentFailed):
            await placed(stores, slow, most=1).send(ANNA, "hello", None, "r")


async def test_a_call_that_outlived_its_place_leaves_it_to_whoever_has_it_now(tmp_path: Path) -> None:
    """AP-LIM-02: else its end would make room for one more than there may be."""
    clock = MovableClock()
    stores = open_gateway(tmp_path / "gateway.db", clock=clock)
    late, slow = Slow(), Slow()
    outlived = asyncio.create_task(placed(stores, late, 1, clock).send(ANNA, "hello", None, "r"))
    await late.asked.acquire()
    clock.now += 3600.0
    running = asyncio.create_task(placed(stores, slow, 1, clock).send(ANNA, "hello", None, "r"))
    await slow.asked.acquire()
    late.may.set()
    await outlived
    with pytest.raises(TooManyRequests):
        async with asyncio.timeout(30):
            await placed(stores, slow, 1, clock).send(ANNA, "hello", None, "r")
    slow.may.set()
    await running
    await placed(stores, slow, 1, clock).send(ANNA, "again", None, "r")
    stores.close()


async def test_a_place_outlives_its_call_by_two_minutes_and_is_free_then(tmp_path: Path) -> None:
    """AP-LIM-02: a function whose clock is behind, or that is slow to end, is still in it."""
    clock = MovableClock()
    stores = open_gateway(tmp_path / "gateway.db", clock=clock)
    held, slow = Slow(), Slow()
    slow.may.set()
    never_ends = asyncio.create_task(placed(stores, held, 1, clock).send(ANNA, "hello", None, "r"))
    await held.asked.acquire()
    clock.now += 60 + 119
    with pytest.raises(TooManyRequests):
        await placed(stores, slow, 1, clock).send(ANNA, "hello", None, "r")
    clock.now += 2
    await placed(stores, slow, 1, clock).send(ANNA, "hello", None, "r")
    never_ends.cancel()
    await asyncio.gather(never_ends, return_exceptions=True)
    stores.close()


async def test_without_an_answer_of_the_store_nobody_is_relayed(stores: GatewayStores) -> None:
    """AP-LIM-03: it fails closed."""
    slow = Slow()
    stores.close()
    with pytest.raises(StoreUnavailable):
        await placed(stores, slow).send(ANNA, "hello", None, "r")
    assert slow.asked.locked()
