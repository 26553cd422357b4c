"""Whether this workload may read, or write, this memory: two grants by exact names, none by default (AP-MEM-01)."""

from collections.abc import Iterable

from doorward.agent_door.visit import CHANGES_MEMORY, Visit
from doorward.http.limiter import RateLimiter
from doorward.model.principals import Workload
from doorward.model.verdicts import Deny, Verdict


class MayUseMemory:
    """INVARIANT: reading and writing are separate grants, and neither comes with the right to run an agent.

    That a memory does not exist is told only to who has a grant for it.
    """

    def __init__(self, memories: Iterable[str]) -> None:
        self._memories = frozenset(memories)

    async def check(self, visit: Visit) -> Verdict | None:
        target, caller = visit.memory, visit.principal
        if target is None or not isinstance(caller, Workload):
            return _denied()
        writes = visit.operation in CHANGES_MEMORY
        granted = caller.may_write_memory if writes else caller.may_read_memory
        if not target.memory or target.memory not in granted:
            return _denied()
        if target.memory not in self._memories:
            return Deny(code="memory_not_found", detail="There is no such memory.", status=404)
        return None


class MemoryRate:
    """At most so many operations of a workload in a window: one that runs wild does not take the store from agents."""

    def __init__(self, limit: int, window: float) -> None:
        self._limiter = RateLimiter(limit, window)

    async def check(self, visit: Visit) -> Verdict | None:
        if not isinstance(visit.principal, Workload):
            return _denied()
        state = self._limiter.admit(visit.principal.key_id)
        if state.admitted:
            return None
        after = {"Retry-After": str(max(1, round(state.retry_after)))}
        return Deny(code="memory_throttled", detail="Too many requests; try again later.", status=429, headers=after)


def _denied() -> Deny:
    return Deny(code="memory_denied", detail="Not authorized to use this memory in this way.")
