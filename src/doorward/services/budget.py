"""Budgets: what a turn sets aside, what it cost in the end, and what a user has left. Used by chat, metering and usage.

Nothing is counted here: the store does, in the transactions that begin and end a turn.
"""

import math
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from doorward.model.budget import EVERYBODY, NANO, Amount, BudgetLeft, Reservation, Share
from doorward.model.chat import Usage
from doorward.model.principals import User, Workload
from doorward.model.settings import BudgetSettings

_DATED = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")
_VERSION = re.compile(r"-v\d+(?::\d+)?$")
_BEDROCK = re.compile(r"^(?:[a-z-]{2,8}\.)?(?:anthropic|openai)\.")
_PER_MILLION = NANO // 1_000_000
_MOST = 10**16  # above every limit that can be configured, and far below what an integer of the store holds


class Price(Struct, frozen=True):
    """Billionths of a dollar for one token."""

    input: Decimal
    output: Decimal


class Prices:
    """Prices by the name of the model, with or without its provider (``openai:``), its date (``-2024-08-06``), and what
    Bedrock writes around it (``us.anthropic.`` and ``-v1:0``)."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = prices

    def of(self, model: str) -> Price | None:
        """None for a model that is not known, and for the rehearsal model."""
        name = _BEDROCK.sub("", _VERSION.sub("", model).rpartition(":")[2])
        return self._prices.get(name) or self._prices.get(_DATED.sub("", name))


def load_prices(file: Path) -> Prices:
    """Read the price table (dollars per million tokens)."""
    table = tomllib.loads(file.read_text("utf-8"), parse_float=Decimal)
    return Prices(
        {
            name: Price(price["input"] * _PER_MILLION, price["output"] * _PER_MILLION)
            for name, price in table["models"].items()
        }
    )


class Pricing:
    """What usage costs. `model` is the one that is expected, where a report names none."""

    def __init__(self, prices: Prices, model: str) -> None:
        self._prices = prices
        self._model = model

    def cost(self, usage: Usage) -> Amount:
        """What was reported, with the price of the model that reported it (or of the expected one). Rounded up.

        An agent may boast of any number: beyond `_MOST` it counts as that, so that every sum fits the store.
        """
        price = self._prices.of(usage.model or self._model)
        tokens = min(usage.input_tokens + usage.output_tokens, _MOST)
        if price is None:
            return Amount(tokens)
        money = math.ceil(usage.input_tokens * price.input + usage.output_tokens * price.output)
        return Amount(tokens, min(money, _MOST))

    def dearest(self, tokens: int) -> Amount:
        """What so many tokens of the expected model cost at most."""
        price = self._prices.of(self._model)
        return Amount(tokens, 0 if price is None else math.ceil(tokens * max(price.input, price.output)))


class Budget:
    """The limits of a day as configured. `model` is the one that is expected: it prices what is set aside."""

    def __init__(self, settings: BudgetSettings, prices: Prices, model: str) -> None:
        self._pricing = Pricing(prices, model)
        self.cost = self._pricing.cost
        self._user = Amount(settings.user_tokens_per_day, _nano(settings.user_money_per_day))
        self._tenant = Amount(settings.tenant_tokens_per_day, _nano(settings.tenant_money_per_day))
        self._total = Amount(settings.total_tokens_per_day, _nano(settings.total_money_per_day))
        self._workload = Amount(settings.workload_tokens_per_day, _nano(settings.workload_money_per_day))
        self._turn_tokens = settings.reserve_tokens
        self._name_tokens = settings.reserve_name_tokens

    def reservation(self, user: User, now: float) -> Reservation:
        """What a turn of this user that begins now sets aside."""
        return self._reservation(self._shares(user), self._turn_tokens, now)

    def for_name(self, user: User, now: float) -> Reservation:
        """What is set aside while a conversation of this user is named."""
        return self._reservation(self._shares(user), self._name_tokens, now)

    def for_workload(self, workload: Workload, now: float) -> Reservation:
        """What a call sets aside that a service of the configuration makes on its own behalf."""
        return self._reservation((Share(f"workload:{workload.name}", self._workload),), self._turn_tokens, now)

    def day(self, now: float) -> str:
        """The UTC day, ``YYYY-MM-DD``."""
        return _day(now)[0]

    def left(self, used: Amount, now: float) -> BudgetLeft:
        """What a user has left who used, or set aside, so much today."""
        tokens, money = self._user.tokens, self._user.money
        return BudgetLeft(
            tokens_per_day=tokens or None,
            tokens_left=max(0, tokens - used.tokens) if tokens else None,
            money_per_day=money / NANO if money else None,
            money_left=max(0, money - used.money) / NANO if money else None,
            resets_at=_day(now)[1],
        )

    def _shares(self, user: User) -> tuple[Share, ...]:
        return (
            Share(user.key, self._user),
            Share(user.tenant_key, self._tenant),
            Share(EVERYBODY, self._total),
        )

    def _reservation(self, shares: tuple[Share, ...], tokens: int, now: float) -> Reservation:
        """At most a whole limit: a day's first turn is never refused."""
        most = self._pricing.dearest(tokens)
        limits = [share.limit for share in shares]
        amount = Amount(
            min([most.tokens, *(limit.tokens for limit in limits if limit.tokens)]),
            min([most.money, *(limit.money for limit in limits if limit.money)]),
        )
        day, ends_at = _day(now)
        return Reservation(amount=amount, day=day, ends_at=ends_at, shares=shares)


def budget_of(settings: BudgetSettings, prices: Prices, model: str) -> Budget | None:
    """The budget of users. None when nothing of theirs is limited."""
    limits = (
        settings.user_tokens_per_day,
        settings.user_money_per_day,
        settings.tenant_tokens_per_day,
        settings.tenant_money_per_day,
        settings.total_tokens_per_day,
        settings.total_money_per_day,
    )
    return Budget(settings, prices, model) if any(limits) else None


def workload_budget_of(settings: BudgetSettings, prices: Prices, model: str) -> Budget | None:
    """The budget of services that call on their own behalf. None when they are not limited."""
    limits = (settings.workload_tokens_per_day, settings.workload_money_per_day)
    return Budget(settings, prices, model) if any(limits) else None


def _nano(dollars: float) -> int:
    return round(dollars * NANO)


def _day(now: float) -> tuple[str, float]:
    """The UTC day and when it ends."""
    date = datetime.fromtimestamp(now, UTC).date()
    end = datetime.combine(date + timedelta(days=1), datetime.min.time(), UTC)
    return date.isoformat(), end.timestamp()
