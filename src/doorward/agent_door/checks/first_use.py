"""Last check for workloads: this signature was never used before, and that it is used now is durable (AP-BYP-05)."""

from collections import OrderedDict

from doorward.agent_door.entries import ALLOWED, entry_for
from doorward.agent_door.visit import Visit
from doorward.errors import StoreUnavailable
from doorward.model.verdicts import Allow, Deny, Verdict
from doorward.ports.agent import ReplayStore
from doorward.ports.clock import Clock
from doorward.ports.ledger import Ledger

_REMEMBERED = 16384


class FirstUse:
    """Fails closed: without a durable record there is no run.

    INVARIANT: the ledger's entry is queued before the replay record, so when that one is durable the entry is too, for
    the price of one commit. Should the store then say that the signature was used (only after a restart, or when two
    copies race), a second entry with the same request id and ``deny`` takes the allowance back: nothing ran.

    A signature has a resolution of one second. AWS's SDKs sign nothing that tells two equal calls apart, so the second
    of two equal calls in one named session within one second is refused here; without a session id they make one each,
    and our own knock signs a number.
    """

    def __init__(self, replay: ReplayStore, ledger: Ledger, *, skew: float, clock: Clock) -> None:
        self._replay = replay
        self._ledger = ledger
        self._skew = skew
        self._clock = clock
        # Saves the writes for copies that come while this process lives; the store alone decides.
        self._recent: OrderedDict[str, None] = OrderedDict()

    async def check(self, visit: Visit) -> Verdict | None:
        claim = visit.claim
        if claim is None or claim.signature in self._recent:
            return _used()
        self._remember(claim.signature)
        try:
            self._ledger.enqueue(entry_for(visit, verdict="allow", code=ALLOWED, at=self._clock()))
            first = await self._replay.first_use(claim.signature, until=claim.signed_at + self._skew)
        except StoreUnavailable:
            self._recent.pop(claim.signature, None)
            raise
        return Allow("first_use") if first else _used()

    def _remember(self, signature: str) -> None:
        self._recent[signature] = None
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)


def _used() -> Deny:
    return Deny(code="signature_replayed", detail="This signature has been used.")
