"""What the agent door writes to the ledger: ids, names and codes, never a token or a payload."""

from doorward.agent_door.visit import Visit
from doorward.model.ledger import LedgerEntry
from doorward.model.principals import User, Workload

DOOR = "agent_door"
ALLOWED = "allowed"


def entry_for(visit: Visit, *, verdict: str, code: str, at: float) -> LedgerEntry:
    """The entry of one verdict (``allow`` or ``deny``). Only what was proven is named: a claimed key id is not."""
    return LedgerEntry(
        door=DOOR,
        verdict=verdict,
        code=code,
        principal=_name(visit.principal),
        on_behalf_of=_user(visit),
        action=visit.operation.value if visit.operation else visit.request.method,
        resource=visit.arn,
        request_id=visit.request_id,
        turn_id=visit.turn.turn_id if visit.turn else "",
        at=at,
    )


def _name(principal: Workload | User | None) -> str:
    if principal is None:
        return ""
    return principal.name if isinstance(principal, Workload) else principal.key


def _user(visit: Visit) -> str:
    if visit.turn is not None:
        return visit.turn.owner_key
    return visit.principal.key if isinstance(visit.principal, User) else ""
