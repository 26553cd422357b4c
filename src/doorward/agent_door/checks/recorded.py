"""Last check for users: the allowance is durable in the ledger before the agent runs."""

from doorward.agent_door.entries import ALLOWED, entry_for
from doorward.agent_door.visit import Visit
from doorward.model.verdicts import Allow, Verdict
from doorward.ports.clock import Clock
from doorward.ports.ledger import Ledger


class Recorded:
    """Fails closed: `StoreUnavailable` when it cannot be written."""

    def __init__(self, ledger: Ledger, *, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def check(self, visit: Visit) -> Verdict | None:
        await self._ledger.append(entry_for(visit, verdict="allow", code=ALLOWED, at=self._clock()))
        return Allow("recorded")
