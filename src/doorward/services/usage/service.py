"""What a user spent, by day. Called by the front door's handlers; reads only that user's rows."""

from datetime import UTC, datetime

from doorward.model.budget import BudgetLeft
from doorward.model.chat import DayUsage
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.conversations import UsageStore
from doorward.services.budget import Budget

DAYS = 30


class UsageService:
    """Fulfils `ports.services.UsageReport`."""

    def __init__(self, usage: UsageStore, clock: Clock, budget: Budget | None = None) -> None:
        self._usage = usage
        self._clock = clock
        self._budget = budget

    async def budget(self, user: User) -> BudgetLeft | None:
        if self._budget is None:
            return None
        now = self._clock()
        return self._budget.left(await self._usage.used(user.key, day=self._budget.day(now)), now)

    async def report(self, user: User) -> list[DayUsage]:
        today = datetime.fromtimestamp(self._clock(), UTC).date().isoformat()
        days = await self._usage.by_day(user.key, days=DAYS, today=today)
        if days and days[0].day == today:
            return days
        return [DayUsage(day=today, turns=0, input_tokens=0, output_tokens=0), *days]
