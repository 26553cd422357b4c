"""Samples of counters, kept in a real store, and the series that operators see of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.contract.building import MovableClock

from doorward.errors import StoreUnavailable
from doorward.model.metrics import BUCKETS, DoorCounts, Reading, Sample, Spend
from doorward.model.settings import BudgetSettings
from doorward.services.operator.metrics import OTHERS, MetricsService
from doorward.services.operator.sampling import IN_COARSE, Measuring, Sampler
from doorward.stores.sqlite.open import GatewayStores, open_gateway

pytestmark = pytest.mark.anyio


class Process:
    """A process whose counters the test moves; None when it does not answer."""

    def __init__(self) -> None:
        self.reading: Reading | None = Reading()

    async def read(self) -> Reading | None:
        return self.reading


def reading(door: str, allowed: int, **changes: int) -> Reading:
    latency = (0, allowed, *(0 for _ in BUCKETS[1:]))
    return Reading(doors={door: DoorCounts(allowed=allowed, refused={"no": allowed}, latency=latency)}, **changes)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayStores]:
    stores = open_gateway(tmp_path / "gateway.db")
    yield stores
    stores.close()


class Rig:
    def __init__(self, stores: GatewayStores) -> None:
        self.clock = MovableClock()
        self.front, self.agent = Process(), Process()
        sources = {"gateway": self.front, "runtime": self.agent}
        self.sampler = Sampler(Measuring(sources=sources, store=stores.metrics, clock=self.clock))
        self.view = MetricsService(self.sampler, stores.metrics, BudgetSettings(total_tokens_per_day=500), self.clock)

    async def tick(self, seconds: float = 10.0) -> Sample | None:
        self.clock.now += seconds
        return await self.sampler.tick()


async def test_a_sample_is_what_happened_since_the_one_before(gateway: GatewayStores) -> None:
    rig = Rig(gateway)
    rig.front.reading = reading("front_door", 100, active_turns=1)
    assert await rig.tick() is None

    rig.front.reading = reading("front_door", 130, active_turns=2, open_streams=3)
    sample = await rig.tick()

    assert sample is not None
    assert (sample.doors["front_door"].allowed, sample.doors["front_door"].refused) == (30, {"no": 30})
    assert (sample.active_turns, sample.open_streams, sample.seconds) == (2, 3, 10.0)


async def test_a_process_that_was_started_again_counts_from_nothing(gateway: GatewayStores) -> None:
    rig = Rig(gateway)
    rig.agent.reading = reading("agent_door", 100)
    await rig.tick()
    rig.agent.reading = reading("agent_door", 7)
    sample = await rig.tick()

    assert sample is not None
    assert sample.doors["agent_door"].allowed == 7


async def test_a_process_that_does_not_answer_is_a_gap_and_stops_nothing(gateway: GatewayStores) -> None:
    rig = Rig(gateway)
    rig.front.reading, rig.agent.reading = reading("front_door", 1), reading("agent_door", 1)
    await rig.tick()
    await rig.tick()
    rig.agent.reading = None
    sample = await rig.tick()

    assert sample is not None
    assert (sample.silent, list(sample.doors)) == (("runtime",), ["front_door"])
    doors = {door.door: door.state for door in rig.view.now().doors}
    assert doors == {"front_door": "open", "agent_door": "silent", "tool_door": "silent", "model_door": "silent"}
    series = await rig.view.series("hour")
    agent = next(door for door in series.doors if door.door == "agent_door")
    assert agent.allowed_rate == [0.0, None]


async def test_the_day_is_made_of_coarser_samples(gateway: GatewayStores) -> None:
    rig = Rig(gateway)
    for tick in range(2 * IN_COARSE + 1):
        rig.front.reading = reading("front_door", 10 * tick)
        await rig.tick()

    hour, day = await rig.view.series("hour"), await rig.view.series("day")
    assert (len(hour.at), len(day.at)) == (2 * IN_COARSE, 2)
    assert hour.doors[0].allowed_rate == [1.0] * 2 * IN_COARSE
    assert day.doors[0].allowed_rate == [1.0, 1.0]
    assert day.refused == {"no": [60, 60]}
    assert day.budget.tokens == 500


async def test_many_codes_of_refusals_are_named_up_to_eight(gateway: GatewayStores) -> None:
    rig = Rig(gateway)
    await rig.tick()
    rig.front.reading = Reading(doors={"front_door": DoorCounts(refused={f"code-{n:02}": 20 - n for n in range(12)})})
    await rig.tick()

    refused = (await rig.view.series("hour")).refused
    assert list(refused) == [*(f"code-{n:02}" for n in range(8)), OTHERS]
    assert refused[OTHERS] == [12 + 11 + 10 + 9]


class FullStore:
    """A store that takes nothing."""

    async def add(self, window: str, sample: Sample, *, keep: int) -> None:
        raise StoreUnavailable("The disk is full.")

    async def newest(self, window: str, *, limit: int) -> list[Sample]:
        return []

    async def spend(self, day: str) -> Spend:
        raise StoreUnavailable("The disk is full.")


async def test_a_store_that_takes_nothing_loses_the_past_and_not_the_present(gateway: GatewayStores) -> None:
    clock, front = MovableClock(), Process()
    sampler = Sampler(Measuring(sources={"gateway": front}, store=FullStore(), clock=clock))
    view = MetricsService(sampler, FullStore(), BudgetSettings(), clock)
    for tick in range(3 * IN_COARSE):
        clock.now += 10
        front.reading = reading("front_door", 20 * tick)
        await sampler.tick()

    now = view.now()
    assert (now.doors[0].allowed_rate, now.over) == (2.0, 60.0)
