"""The contract of `MetricsStore`."""

import pytest
from tests.contract.building import ANNA, BORIS, new_turn, result_of

from doorward.model.budget import EVERYBODY, Amount, Reservation, Share, Spent
from doorward.model.chat import Usage
from doorward.model.metrics import BUCKETS, DoorCounts, Sample, Spend
from doorward.stores.sqlite.open import GatewayStores

pytestmark = pytest.mark.anyio
DAY = 86400.0


def sample(at: float) -> Sample:
    latency = (0, 3, *(0 for _ in BUCKETS[1:]))
    door = DoorCounts(allowed=3, refused={"unauthenticated": 2}, latency=latency)
    return Sample(at=at, seconds=10.0, doors={"front_door": door}, turns={"completed": 1}, silent=("runtime",))


async def test_samples_come_back_as_they_were_oldest_first(gateway: GatewayStores) -> None:
    for at in (1.0, 2.0, 3.0):
        await gateway.metrics.add("hour", sample(at), keep=10)

    assert await gateway.metrics.newest("hour", limit=10) == [sample(1.0), sample(2.0), sample(3.0)]
    assert await gateway.metrics.newest("hour", limit=2) == [sample(2.0), sample(3.0)]
    assert await gateway.metrics.newest("day", limit=2) == []


async def test_only_the_newest_are_kept_of_each_window(gateway: GatewayStores) -> None:
    await gateway.metrics.add("day", sample(0.0), keep=9)
    for at in range(50):
        await gateway.metrics.add("hour", sample(float(at)), keep=3)

    assert [each.at for each in await gateway.metrics.newest("hour", limit=99)] == [47.0, 48.0, 49.0]
    assert [each.at for each in await gateway.metrics.newest("day", limit=99)] == [0.0]


async def test_the_spend_of_a_day_is_that_of_all_users(gateway: GatewayStores) -> None:
    assert await gateway.metrics.spend("1970-01-02") == Spend()
    shares = (Share(EVERYBODY, Amount()),)
    reservation = Reservation(amount=Amount(10), day="1970-01-02", ends_at=2 * DAY, shares=shares)
    for owner, tokens in ((ANNA, 5), (BORIS, 7)):
        turn = new_turn(owner=owner, at=DAY, reservation=reservation)
        await gateway.turns.begin(turn)
        spent = Spent(amount=Amount(tokens * 2, tokens * 1000))
        usage = Usage(input_tokens=tokens, output_tokens=tokens)
        await gateway.turns.finish(result_of(turn, usage=usage, spent=spent))

    assert await gateway.metrics.spend("1970-01-02") == Spend(turns=2, tokens=24, money=12_000)
    assert await gateway.metrics.spend("1970-01-03") == Spend()
