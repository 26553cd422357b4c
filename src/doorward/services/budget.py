"""Budgets: what a turn sets aside, what it cost in the end, and what a user has left. Used by chat and usage.

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

from doorward.model.budget import NANO, Amount, BudgetLeft, Reservation
from doorward.model.chat import Usage
from doorward.model.settings import BudgetSettings

_DATED = re.compile(r"-(?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")
_PER_MILLION = NANO // 1_000_000
_MOST = 10**16  # above every limit that can be configured, and far below what an integer of the store holds


class Price(Struct, frozen=True):
    """Billionths of a dollar for one token."""

    input: Decimal
    output: Decimal


class Prices:
    """Prices by the name of the model: with or without its provider (``openai:``) and its date (``-2024-08-06``)."""

    def __init__(self, prices: Mapping[str, Price]) -> None:
        self._prices = prices

    def of(self, model: str) -> Price | None:
        """None for a model that is not known, and for the rehearsal model."""
        name = model.rpartition(":")[2]
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


class Budget:
    """The limits of a day as configured. `model` is the one that is expected: it prices what is set aside."""

    def __init__(self, settings: BudgetSettings, prices: Prices, model: str) -> None:
        self._prices = prices
        self._model = model
        self._user = Amount(settings.user_tokens_per_day, _nano(settings.user_money_per_day))
        self._total = Amount(settings.total_tokens_per_day, _nano(settings.total_money_per_day))
        self._aside = self._set_aside(settings.reserve_tokens)

    def reservation(self, now: float) -> Reservation:
        """What a turn that begins now sets aside."""
        day, ends_at = _day(now)
        return Reservation(amount=self._aside, day=day, ends_at=ends_at, user_limit=self._user, total_limit=self._total)

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

    def _set_aside(self, tokens: int) -> Amount:
        """At most a whole limit: a day's first turn is never refused."""
        price = self._prices.of(self._model)
        money = 0 if price is None else math.ceil(tokens * max(price.input, price.output))
        limits = (self._user, self._total)
        return Amount(
            min([tokens, *(limit.tokens for limit in limits if limit.tokens)]),
            min([money, *(limit.money for limit in limits if limit.money)]),
        )


def budget_of(settings: BudgetSettings, prices: Prices, model: str) -> Budget | None:
    """None when nothing is limited."""
    limits = (
        settings.user_tokens_per_day,
        settings.user_money_per_day,
        settings.total_tokens_per_day,
        settings.total_money_per_day,
    )
    return Budget(settings, prices, model) if any(limits) else None


def _nano(dollars: float) -> int:
    return round(dollars * NANO)


def _day(now: float) -> tuple[str, float]:
    """The UTC day and when it ends."""
    date = datetime.fromtimestamp(now, UTC).date()
    end = datetime.combine(date + timedelta(days=1), datetime.min.time(), UTC)
    return date.isoformat(), end.timestamp()
