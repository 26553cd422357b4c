"""The contract of budgets: set aside with `TurnStore.begin`, settled with `finish`, shown by `UsageStore.used`."""

import asyncio
from collections.abc import Callable

import pytest
from msgspec.structs import replace
from tests.contract.building import ANNA, BORIS, new_turn, result_of

from doorward.errors import Conflict, StoreUnavailable, TooManyRequests
from doorward.model.budget import EVERYBODY, Amount, Reservation, Share, Spent
from doorward.model.chat import Idempotency, Turn, TurnStatus
from doorward.ports.functions import OpenedStores
from doorward.stores.sqlite.open import RuntimeStores

pytestmark = pytest.mark.anyio

DAY = "1970-01-01"
ENDS = 86400.0


def aside(
    tokens: int = 10, money: int = 0, *, user: Amount | None = None, total: Amount | None = None, day: str = DAY
) -> Reservation:
    shares = (Share(ANNA, user or Amount()), Share("tenant:t", Amount()), Share(EVERYBODY, total or Amount()))
    return Reservation(amount=Amount(tokens, money), day=day, ends_at=ENDS, shares=shares)


def in_tenant(owner: str, tenant: str, *, limit: Amount, tokens: int = 10) -> Reservation:
    shares = (Share(owner, Amount()), Share(tenant, limit), Share(EVERYBODY, Amount()))
    return Reservation(amount=Amount(tokens), day=DAY, ends_at=ENDS, shares=shares)


def shares_of(owner: str, total: Amount) -> tuple[Share, ...]:
    return (Share(owner, Amount()), Share(EVERYBODY, total))


async def used(shared: OpenedStores, owner: str = ANNA, day: str = DAY) -> Amount:
    return await shared.usage.used(owner, day=day)


@pytest.mark.parametrize("limit", [Amount(55), Amount(0, 550)], ids=["tokens", "money"])
async def test_of_fifty_at_once_for_the_last_of_it_exactly_those_that_fit_begin(
    shared: OpenedStores, limit: Amount
) -> None:
    """AP-LIM-02: 5 of 10 tokens (or 100 of money) fit into 55 (or 550)."""
    results = await asyncio.gather(
        *(shared.turns.begin(new_turn(f"s{n}", reservation=aside(10, 100, user=limit))) for n in range(50)),
        return_exceptions=True,
    )

    refused = [result for result in results if isinstance(result, TooManyRequests)]
    assert len([result for result in results if isinstance(result, Turn)]) == 5
    assert {(error.code, error.retry_after) for error in refused} == {("budget_exhausted", ENDS - 1000.0)}
    assert await used(shared) == Amount(50, 500)
    assert len((await shared.conversations.page(ANNA, limit=99, cursor=None)).items) == 5


async def test_the_limit_of_all_users_together_holds_across_them(shared: OpenedStores) -> None:
    total = Amount(55)
    results = await asyncio.gather(
        *(
            shared.turns.begin(
                new_turn(f"s{n}", owner=owner, reservation=replace(aside(total=total), shares=shares_of(owner, total)))
            )
            for n, owner in enumerate((ANNA, BORIS) * 25)
        ),
        return_exceptions=True,
    )

    assert len([result for result in results if isinstance(result, Turn)]) == 5
    assert (await used(shared)).tokens + (await used(shared, BORIS)).tokens == 50


async def test_the_end_of_a_turn_puts_what_it_cost_in_place_of_what_was_set_aside(shared: OpenedStores) -> None:
    turn = new_turn(reservation=aside(10, 100, user=Amount(20)))
    await shared.turns.begin(turn)
    result = result_of(turn, at=90_000.0, spent=Spent(amount=Amount(3, 25)))

    await shared.turns.finish(result)
    await shared.turns.finish(result)

    assert await used(shared) == Amount(3, 25)
    assert await used(shared, day="1970-01-02") == Amount()


async def test_a_turn_may_cost_more_than_was_set_aside_and_then_the_next_one_does_not_fit(
    shared: OpenedStores,
) -> None:
    turn = new_turn(reservation=aside(user=Amount(20)))
    await shared.turns.begin(turn)
    await shared.turns.finish(result_of(turn, spent=Spent(amount=Amount(15))))

    with pytest.raises(TooManyRequests):
        await shared.turns.begin(new_turn(reservation=aside(user=Amount(20))))
    await shared.turns.begin(new_turn(reservation=aside(user=Amount(20), day="1970-01-02")))
    mine = replace(aside(), shares=(Share(BORIS, Amount(20)), Share(EVERYBODY, Amount())))
    await shared.turns.begin(new_turn(owner=BORIS, reservation=mine))


@pytest.mark.parametrize(
    ("reported", "counted"), [(Amount(3, 25), Amount(10, 100)), (Amount(30, 250), Amount(30, 250))]
)
async def test_a_turn_that_was_cut_short_costs_at_least_what_was_set_aside(
    shared: OpenedStores, reported: Amount, counted: Amount
) -> None:
    turn = new_turn(reservation=aside(10, 100))
    await shared.turns.begin(turn)
    await shared.turns.finish(result_of(turn, status=TurnStatus.CANCELLED, spent=Spent(amount=reported, unsure=True)))

    assert await used(shared) == counted


async def test_what_a_dead_process_had_set_aside_is_given_back_by_who_ends_the_turn(shared: OpenedStores) -> None:
    await shared.turns.begin(new_turn(reservation=aside(1000)))
    (left,) = await shared.turns.open_turns()
    await shared.turns.finish(
        result_of(new_turn(), turn_id=left.turn.id, status=TurnStatus.INTERRUPTED, spent=Spent(amount=Amount(7, 70)))
    )

    assert await used(shared) == Amount(7, 70)


async def test_without_a_price_the_money_that_was_spent_still_closes_the_day(shared: OpenedStores) -> None:
    turn = new_turn(reservation=aside(user=Amount(0, 50)))
    await shared.turns.begin(turn)
    await shared.turns.finish(result_of(turn, spent=Spent(amount=Amount(1, 50))))

    with pytest.raises(TooManyRequests):
        await shared.turns.begin(new_turn(reservation=aside(user=Amount(0, 50))))


async def test_a_turn_that_does_not_begin_sets_nothing_aside(shared: OpenedStores) -> None:
    await shared.turns.begin(new_turn("one"))
    with pytest.raises(Conflict):
        await shared.turns.begin(new_turn("one", reservation=aside()))

    assert await used(shared) == Amount()


async def test_a_known_key_costs_nothing_more_and_is_answered_on_an_empty_budget(shared: OpenedStores) -> None:
    key = Idempotency(b"k", b"b", 9e9)
    whole = aside(10, user=Amount(10))
    first = await shared.turns.begin(new_turn("one", idempotency=key, reservation=whole))

    assert (await shared.turns.begin(new_turn("two", idempotency=key, reservation=whole))).id == first.id
    assert await used(shared) == Amount(10)
    with pytest.raises(TooManyRequests):
        await shared.turns.begin(new_turn("three", reservation=whole))


async def test_a_tenant_shares_one_budget_and_no_other_tenant_feels_it(shared: OpenedStores) -> None:
    """AP-LIM-02: users of one tenant race for its last; turns and charges of their own count in the same account."""
    budgets, limit = shared.budgets, Amount(55)
    results = await asyncio.gather(
        *(
            budgets.reserve(f"c{n}", in_tenant(owner, "tenant:a", limit=limit), at=1000.0)
            if n % 2
            else shared.turns.begin(new_turn(f"s{n}", reservation=in_tenant(owner, "tenant:a", limit=limit)))
            for n, owner in enumerate((ANNA, BORIS) * 25)
        ),
        return_exceptions=True,
    )

    refused = [result for result in results if isinstance(result, TooManyRequests)]
    assert len(refused) == 45
    assert await budgets.used("tenant:a", day=DAY) == Amount(50)
    await budgets.reserve("other", in_tenant(ANNA, "tenant:b", limit=limit), at=1000.0)


async def test_a_charge_of_its_own_is_settled_once(shared: OpenedStores) -> None:
    budgets = shared.budgets
    await budgets.reserve("one", in_tenant(ANNA, "tenant:a", limit=Amount(20)), at=1000.0)
    await budgets.settle("one", Spent(amount=Amount(3, 7)))
    await budgets.settle("one", Spent(amount=Amount(3, 7)))
    await budgets.settle("unknown", Spent(amount=Amount(3, 7)))

    assert [await budgets.used(account, day=DAY) for account in (ANNA, "tenant:a", EVERYBODY)] == [Amount(3, 7)] * 3


async def test_what_a_dead_process_had_set_aside_for_no_turn_is_spent(shared: OpenedStores) -> None:
    """Nobody knows what it cost. A turn that runs is left alone: its end settles it."""
    turn = new_turn(reservation=in_tenant(ANNA, "tenant:a", limit=Amount(99)))
    await shared.turns.begin(turn)
    await shared.budgets.reserve("one", in_tenant(ANNA, "tenant:a", limit=Amount(99)), at=1000.0)

    assert await shared.budgets.settle_lost() == 1
    assert await shared.budgets.settle_lost() == 0
    await shared.budgets.settle("one", Spent(amount=Amount()))
    await shared.turns.finish(result_of(turn, spent=Spent(amount=Amount(1))))
    assert await used(shared) == Amount(11)


async def test_the_runtime_keeps_budgets_over_a_restart(
    runtime: RuntimeStores, reopen_runtime: Callable[[], RuntimeStores]
) -> None:
    await runtime.budgets.reserve("one", in_tenant(ANNA, "tenant:a", limit=Amount(20)), at=1000.0)
    await runtime.budgets.reserve("two", in_tenant(BORIS, "tenant:a", limit=Amount(20)), at=1000.0)
    with pytest.raises(TooManyRequests):
        await runtime.budgets.reserve("three", in_tenant(ANNA, "tenant:a", limit=Amount(20)), at=1000.0)
    await runtime.budgets.settle("two", Spent(amount=Amount(4)))
    await asyncio.to_thread(runtime.close)

    again = reopen_runtime()
    try:
        assert await again.budgets.settle_lost() == 1
        assert await again.budgets.used("tenant:a", day=DAY) == Amount(14)
    finally:
        await asyncio.to_thread(again.close)


async def test_a_store_that_is_down_lets_nothing_be_reserved(shared: OpenedStores) -> None:
    """AP-LIM-03: closed."""
    await asyncio.to_thread(shared.close)
    with pytest.raises(StoreUnavailable):
        await shared.budgets.reserve("one", in_tenant(ANNA, "tenant:a", limit=Amount(20)), at=1000.0)
