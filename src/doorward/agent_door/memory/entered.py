"""Last check of Memory's operations: the allowance is in the ledger's queue before anything is done."""

from doorward.agent_door.entries import ALLOWED, entry_for
from doorward.agent_door.visit import Visit
from doorward.model.verdicts import Allow, Verdict
from doorward.ports.clock import Clock
from doorward.ports.ledger import Ledger


class Entered:
    """Fails closed: `StoreUnavailable` when it cannot be queued.

    INVARIANT: an event is written behind its entry, in the same file, so no event is durable without it. A signature
    may come twice here, other than for runs: reading again, deleting again and creating again with the same token
    change nothing, and AWS's SDKs sign two equal reads within one second alike.
    """

    def __init__(self, ledger: Ledger, *, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def check(self, visit: Visit) -> Verdict | None:
        self._ledger.enqueue(entry_for(visit, verdict="allow", code=ALLOWED, at=self._clock()))
        return Allow("entered")
