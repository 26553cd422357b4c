"""Budgets of a UTC day, as plain data. Money is in billionths of a dollar (`NANO` of them): whole numbers, so that sums
are exact."""

from msgspec import Struct

NANO = 1_000_000_000
EVERYBODY = ""


class Amount(Struct, frozen=True):
    """Tokens, input and output together, and money."""

    tokens: int = 0
    money: int = 0


class Share(Struct, frozen=True):
    """An account that a reservation counts in: a user's or a tenant's key, a workload, or everybody's. Of its limit, 0
    means none."""

    account: str
    limit: Amount


class Reservation(Struct, frozen=True, kw_only=True):
    """What is set aside before an agent runs, in each of its accounts; the first is who runs it.

    `day` is ``YYYY-MM-DD``; `ends_at` is when it ends, in seconds since 1970.
    """

    amount: Amount
    day: str
    ends_at: float
    shares: tuple[Share, ...]


class Spent(Struct, frozen=True, kw_only=True):
    """What a turn cost. `unsure`: it was cut short, and what was reported may not be all; then it costs at least what
    was set aside, or whoever cancels each answer near its end would pay nothing."""

    amount: Amount
    unsure: bool = False


class BudgetLeft(Struct, frozen=True, kw_only=True):
    """What one user may still spend today. None: no limit. Money in dollars."""

    tokens_per_day: int | None
    tokens_left: int | None
    money_per_day: float | None
    money_left: float | None
    resets_at: float
