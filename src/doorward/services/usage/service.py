"""What a user spent, by day. Called by the front door's handlers; reads only that user's rows."""

from datetime import UTC, datetime

from doorward.model.chat import DayUsage
from doorward.model.principals import User
from doorward.ports.clock import Clock
from doorward.ports.conversations import UsageStore

DAYS = 30


class UsageService:
    """Fulfils `ports.services.UsageReport`."""

    def __init__(self, usage: UsageStore, clock: Clock) -> None:
        self._usage = usage
        self._clock = clock

    async def report(self, user: User) -> list[DayUsage]:
        today = datetime.fromtimestamp(self._clock(), UTC).date().isoformat()
        days = await self._usage.by_day(user.key, days=DAYS, today=today)
        if days and days[0].day == today:
            return days
        return [DayUsage(day=today, turns=0, input_tokens=0, output_tokens=0), *days]
