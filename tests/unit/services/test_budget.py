"""Budgets: prices, what is set aside, and what a turn costs in the end (AP-BYP-09, LLM10)."""

import asyncio
import tomllib
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.unit.services.house import ANNA, House, delta, opened, sse

from doorward.compose.house import PRICES
from doorward.errors import AgentUnreachable, DoorwardError, StoreUnavailable, TooManyRequests
from doorward.model.budget import Amount, BudgetLeft, Share
from doorward.model.chat import Usage
from doorward.model.settings import BudgetSettings
from doorward.services.budget import Budget, Price, Prices, budget_of, load_prices
from doorward.services.usage.service import UsageService

pytestmark = pytest.mark.anyio

TABLE = Prices({"known": Price(Decimal(1000), Decimal("2000.5"))})
NOON = 1_767_355_200.0  # 2026-01-02T12:00:00Z
LIMITED = BudgetSettings(user_tokens_per_day=1000, reserve_tokens=400)


def reported(tokens: int) -> bytes:
    return sse({"type": "CUSTOM", "name": "usage", "value": {"inputTokens": tokens, "outputTokens": 0}})


@pytest.fixture
async def limited(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, budget=Budget(LIMITED, TABLE, "known")) as house:
        yield house


async def send(house: House) -> str:
    return (await house.chat.start(ANNA, "hello", session_id=None, request_id="r")).turn_id


async def used(house: House) -> int:
    day = house.chat._budget.day(house.chat._clock())
    return (await house.stores.usage.used(ANNA.key, day=day)).tokens


def test_the_price_table_can_be_read_and_says_its_date_and_source() -> None:
    table = tomllib.loads(PRICES.read_text())
    assert isinstance(table["date"], date)
    assert table["source"]
    assert table["models"]
    prices = load_prices(PRICES)
    assert prices.of("gpt-4o-mini") == Price(Decimal(150), Decimal(600))
    for model in table["models"]:
        price = prices.of(model)
        assert price is not None
        assert 0 < price.input < price.output < 1_000_000


@pytest.mark.parametrize("name", ["gpt-4o", "openai:gpt-4o", "gpt-4o-2024-08-06", "openai:gpt-4o-latest"])
def test_a_model_is_known_with_and_without_provider_and_date(name: str) -> None:
    assert load_prices(PRICES).of(name) == Price(Decimal(2500), Decimal(10000))


@pytest.mark.parametrize(
    "name",
    [
        "anthropic:claude-sonnet-4-5",
        "bedrock_converse:anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
)
def test_a_model_of_bedrock_has_the_price_of_its_maker(name: str) -> None:
    assert load_prices(PRICES).of(name) == Price(Decimal(3000), Decimal(15000))


@pytest.mark.parametrize("name", ["", "rehearsal", "gpt-4o-audio-preview", "openai:my-own", "gpt-4", "GPT"])
def test_a_model_that_is_not_listed_has_no_price(name: str) -> None:
    assert load_prices(PRICES).of(name) is None


def test_a_turn_costs_what_its_own_model_reported_rounded_up() -> None:
    budget = Budget(LIMITED, TABLE, "known")
    assert budget.cost(Usage(model="known", input_tokens=2, output_tokens=1)) == Amount(3, 4001)
    assert budget.cost(Usage(model="", input_tokens=2, output_tokens=1)) == Amount(3, 4001)
    assert budget.cost(Usage(model="another", input_tokens=2, output_tokens=1)) == Amount(3, 0)


def test_a_boast_of_tokens_still_fits_the_store() -> None:
    boast = Usage(model="known", input_tokens=10**18, output_tokens=10**18)
    assert Budget(LIMITED, TABLE, "known").cost(boast) == Amount(10**16, 10**16)


def test_what_is_set_aside_is_priced_at_its_dearest_and_never_more_than_a_limit() -> None:
    settings = BudgetSettings(total_money_per_day=1.0, reserve_tokens=100)
    found = Budget(settings, TABLE, "known").reservation(ANNA, NOON)
    assert (found.amount, found.day, found.ends_at) == (Amount(100, 200_050), "2026-01-02", NOON + 43200)
    assert found.shares == (
        Share(ANNA.key, Amount()),
        Share(ANNA.tenant_key, Amount()),
        Share("", Amount(0, 1_000_000_000)),
    )
    small = BudgetSettings(user_tokens_per_day=7, total_money_per_day=0.000001, reserve_tokens=100)
    assert Budget(small, TABLE, "known").reservation(ANNA, NOON).amount == Amount(7, 1000)


def test_a_tenant_is_a_name_within_its_issuer() -> None:
    keys = {
        replace(ANNA, issuer=issuer, tenant=tenant).tenant_key
        for issuer in ("https://one", "https://two")
        for tenant in ("", "acme", "other")
    }
    assert len(keys) == 6
    assert replace(ANNA, tenant="acme").key == ANNA.key
    assert replace(ANNA, subject="another", tenant="acme").tenant_key == replace(ANNA, tenant="acme").tenant_key


def test_without_a_limit_there_is_no_budget_at_all() -> None:
    assert budget_of(BudgetSettings(), TABLE, "known") is None
    assert budget_of(LIMITED, TABLE, "known") is not None


async def test_of_fifty_turns_at_once_exactly_those_that_fit_reach_the_agent(limited: House) -> None:
    """2 of 400 fit into 1000; what they did not use is there again afterwards."""
    go = asyncio.Event()
    limited.says(go, reported(100))
    results = await asyncio.gather(*(send(limited) for _ in range(50)), return_exceptions=True)
    begun = [result for result in results if isinstance(result, str)]
    refused = [result for result in results if isinstance(result, TooManyRequests)]
    assert (len(begun), len(refused)) == (2, 48)
    assert {error.code for error in refused} == {"budget_exhausted"}
    assert 0 < refused[0].retry_after <= 86400
    assert await used(limited) == 800
    go.set()
    for turn_id in begun:
        await limited.chat.answer(ANNA, turn_id)
    assert len(limited.agent.calls) == 2
    assert await used(limited) == 200
    await limited.chat.answer(ANNA, await send(limited))


async def test_a_store_that_is_down_lets_no_turn_begin(limited: House) -> None:
    async def down() -> None:
        raise StoreUnavailable("The disk is full.")

    limited.turns.before["begin"] = down
    with pytest.raises(StoreUnavailable):
        await send(limited)
    assert limited.agent.calls == []


async def test_cancelling_an_answer_before_its_end_does_not_make_it_free(limited: House) -> None:
    limited.says(sse(delta("half")), asyncio.Event())
    turn_id = await send(limited)
    events = await limited.chat.events(ANNA, turn_id, after=0)
    while b"half" not in (await anext(events))[-1].data:
        pass
    await limited.chat.cancel(ANNA, turn_id)
    assert await used(limited) == 400


async def test_a_turn_for_which_no_agent_ran_costs_nothing(limited: House) -> None:
    limited.agent.answer = lambda _: AgentUnreachable("There is no door.")
    turn_id = await send(limited)
    with pytest.raises(DoorwardError):
        await limited.chat.answer(ANNA, turn_id)
    assert await used(limited) == 0


async def test_usage_shows_what_is_left(limited: House) -> None:
    limited.says(reported(150))
    await limited.chat.answer(ANNA, await send(limited))
    now = limited.chat._clock()
    usage = UsageService(limited.stores.usage, lambda: now, limited.chat._budget)
    assert await usage.budget(ANNA) == BudgetLeft(
        tokens_per_day=1000, tokens_left=850, money_per_day=None, money_left=None, resets_at=now - now % 86400 + 86400
    )
    assert await UsageService(limited.stores.usage, lambda: now).budget(ANNA) is None
