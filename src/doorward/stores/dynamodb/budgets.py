"""Budgets of a day. `turns.py` and `turn_ends.py` put these writes into their transactions; what is no stored turn (a
relayed call, a conversation's name) is reserved and settled by itself.

An account of a day is one item with what is spent and set aside together. INVARIANT: that passes a limit only by what a
turn costs beyond what it set aside: the limit is a condition of the write itself.
"""

from collections.abc import Sequence

from msgspec import Struct

from doorward.errors import TooManyRequests
from doorward.model.budget import Amount, Reservation, Share, Spent
from doorward.ports.clock import Clock
from doorward.stores.dynamodb import layout
from doorward.stores.dynamodb.table import ATTEMPTS, ConditionFailed, Table, contended
from doorward.stores.dynamodb.values import Item
from doorward.stores.dynamodb.writes import NEW, Write, delete, put, update

KEPT_DAYS = 90
# What was set aside for no turn is lost when nobody has settled it for so long: no call lasts longer. It is then spent,
# and stays counted when DynamoDB removes its item a day later.
LOST_AFTER = 7200.0  # seconds
_DAY = 86400


class Aside(Struct, frozen=True, kw_only=True):
    """What was set aside, as its item holds it."""

    day: str
    tokens: int
    money: int
    accounts: Sequence[str]


def set_aside(reservation: Reservation) -> list[Write]:
    """A write for each account. One whose condition does not hold says that it does not fit."""
    return [_taken(share, reservation) for share in reservation.shares]


def held(reservation: Reservation) -> Item:
    """What the item of the turn or charge keeps of it."""
    amount = reservation.amount
    return {
        "aside_day": reservation.day,
        "aside_tokens": amount.tokens,
        "aside_money": amount.money,
        "aside_accounts": [share.account for share in reservation.shares],
    }


def aside_of(item: Item) -> Aside | None:
    """What it kept."""
    if "aside_day" not in item:
        return None
    return Aside(
        day=item["aside_day"],
        tokens=item["aside_tokens"],
        money=item["aside_money"],
        accounts=item["aside_accounts"],
    )


def settled(aside: Aside, spent: Spent) -> list[Write]:
    """What it cost in place of what it had set aside, on the day on which it began."""
    amount = spent.amount
    if spent.unsure:
        amount = Amount(max(amount.tokens, aside.tokens), max(amount.money, aside.money))
    return [
        update(
            layout.account(account, aside.day),
            "ADD #tokens :tokens, #money :money",
            tokens=amount.tokens - aside.tokens,
            money=amount.money - aside.money,
        )
        for account in aside.accounts
    ]


def exhausted(reservation: Reservation, *, at: float) -> TooManyRequests:
    """It does not fit."""
    return TooManyRequests(
        "The budget of this day is used up.", retry_after=max(1.0, reservation.ends_at - at), code="budget_exhausted"
    )


async def used(table: Table, account: str, day: str) -> Amount:
    """What is spent and set aside in an account."""
    item = await table.get(layout.account(account, day))
    return Amount(item["tokens"], item["money"]) if item else Amount()


def _taken(share: Share, reservation: Reservation) -> Write:
    amount, limit = reservation.amount, share.limit
    conditions, values = list[str](), dict[str, int]()
    if limit.tokens:
        # An account that is not there yet has used nothing; then the amount itself decides, below.
        conditions.append("(attribute_not_exists(#tokens) OR #tokens <= :most_tokens)")
        values["most_tokens"] = limit.tokens - amount.tokens
    if limit.money:
        # Without a price nothing is set aside; then what was spent decides alone.
        conditions.append("(attribute_not_exists(#money) OR (#money <= :most_money AND #money < :limit_money))")
        values |= {"most_money": limit.money - amount.money, "limit_money": limit.money}
    if (limit.tokens and amount.tokens > limit.tokens) or (limit.money and amount.money > limit.money):
        conditions.append("attribute_exists(#pk) AND attribute_not_exists(#pk)")  # never: it is more than all of it
    return update(
        layout.account(share.account, reservation.day),
        f"ADD #tokens :tokens, #money :money SET #{layout.TIME_TO_LIVE} = :expires",
        " AND ".join(conditions),
        tokens=amount.tokens,
        money=amount.money,
        expires=int(reservation.ends_at) + KEPT_DAYS * _DAY,
        **values,
    )


class DynamoBudgets:
    """`BudgetStore` on DynamoDB."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def reserve(self, charge_id: str, reservation: Reservation, *, at: float) -> None:
        expires = int(at + LOST_AFTER) + _DAY
        charge = put(layout.charge(charge_id), {**held(reservation), "at": at, layout.TIME_TO_LIVE: expires}, NEW)
        try:
            await self._table.write(charge, *set_aside(reservation))
        except ConditionFailed as failure:
            # It is there: a first try was written, and its answer was lost.
            if 0 not in failure.failed:
                raise exhausted(reservation, at=at) from None

    async def settle(self, charge_id: str, spent: Spent) -> None:
        for _ in range(ATTEMPTS):
            item = await self._table.get(layout.charge(charge_id))
            aside = aside_of(item) if item else None
            if aside is None:
                return
            try:
                await self._table.write(
                    delete(layout.charge(charge_id), "attribute_exists(#pk)"), *settled(aside, spent)
                )
            except ConditionFailed:  # somebody else has settled it
                continue
            return
        raise contended()

    async def settle_lost(self) -> int:
        """Only what is older than any call: the processes that share this table live side by side."""
        lost = [
            item["sk"]
            for shard in range(layout.SHARDS)
            for item in await self._table.query(layout.charges(shard))
            if float(item["at"]) < self._clock() - LOST_AFTER
        ]
        for charge_id in lost:
            await self.settle(charge_id, Spent(amount=Amount(), unsure=True))
        return len(lost)

    async def used(self, account: str, *, day: str) -> Amount:
        return await used(self._table, account, day)
