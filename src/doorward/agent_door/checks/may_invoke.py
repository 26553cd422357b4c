"""Whether this caller may invoke this agent, or operate it: exact names, no patterns."""

from collections.abc import Iterable

from doorward.agent_door.visit import FOR_OPERATORS, Visit
from doorward.model.principals import Workload
from doorward.model.verdicts import Deny, Verdict


class MayInvoke:
    """A workload needs the agent's name among its grants; users may invoke the agents in `for_users`.

    `agents` are the names that are hosted. That an agent does not exist is told only to who may invoke it. To operate
    is a grant of its own: who may invoke an agent may not stop it, and who may stop it may not invoke it.
    """

    def __init__(self, agents: Iterable[str], *, for_users: Iterable[str] = ()) -> None:
        self._agents = frozenset(agents)
        self._for_users = frozenset(for_users)

    async def check(self, visit: Visit) -> Verdict | None:
        caller = visit.principal
        if visit.operation in FOR_OPERATORS:
            if not (isinstance(caller, Workload) and caller.may_operate):
                return Deny(code="operate_denied", detail="Not authorized to operate this runtime.")
            return None
        granted = caller.may_invoke if isinstance(caller, Workload) else self._for_users
        if not visit.agent or visit.agent not in granted:
            return Deny(code="invoke_denied", detail="Not authorized to invoke this agent.")
        if visit.agent not in self._agents:
            return Deny(code="agent_not_found", detail="There is no such agent.", status=404)
        return None
