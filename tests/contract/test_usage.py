"""The contract of `UsageStore`."""

import pytest
from tests.contract.building import ANNA, BORIS, new_turn, result_of

from doorward.model.chat import DayUsage, Usage
from doorward.ports.functions import OpenedStores

pytestmark = pytest.mark.anyio

DAY = 86400.0


async def spend(shared: OpenedStores, at: float, tokens: int, owner: str = ANNA) -> None:
    turn = new_turn(owner=owner, at=at)
    await shared.turns.begin(turn)
    await shared.turns.finish(result_of(turn, usage=Usage(input_tokens=tokens, output_tokens=2 * tokens)))


async def test_days_are_summed_newest_first_with_empty_days_left_out(shared: OpenedStores) -> None:
    await spend(shared, 0.0, 100)
    await spend(shared, 5 * DAY, 1)
    await spend(shared, 5 * DAY + 86399.9, 2)
    await spend(shared, 6 * DAY, 4)
    await spend(shared, 6 * DAY, 50, owner=BORIS)

    days = await shared.usage.by_day(ANNA, days=3, today="1970-01-07")

    assert days == [
        DayUsage(day="1970-01-07", turns=1, input_tokens=4, output_tokens=8),
        DayUsage(day="1970-01-06", turns=2, input_tokens=3, output_tokens=6),
    ]


async def test_the_first_day_asked_for_is_included_and_the_one_before_is_not(shared: OpenedStores) -> None:
    await spend(shared, 1 * DAY, 1)
    await spend(shared, 2 * DAY, 1)

    assert [day.day for day in await shared.usage.by_day(ANNA, days=2, today="1970-01-04")] == ["1970-01-03"]


async def test_what_is_spent_beside_the_turns_counts_as_tokens_and_as_no_turn(shared: OpenedStores) -> None:
    await shared.usage.add(ANNA, Usage(input_tokens=3, output_tokens=4), at=6 * DAY)
    await spend(shared, 6 * DAY, 4)
    await shared.usage.add(ANNA, Usage(input_tokens=1), at=6 * DAY)

    [day] = await shared.usage.by_day(ANNA, days=1, today="1970-01-07")
    assert day == DayUsage(day="1970-01-07", turns=1, input_tokens=8, output_tokens=12)
