"""Refuses browsers of any origin that is not on the list; it is empty in every pattern but `direct`."""

from collections.abc import Iterable

from doorward.agent_door.visit import Visit
from doorward.model.verdicts import Deny, Verdict


class Origin:
    """Only browsers send Origin. Services never do."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(allowed)

    async def check(self, visit: Visit) -> Verdict | None:
        origin = visit.request.headers.get("origin")
        if origin is None:
            return None
        if origin not in self._allowed:
            return Deny(code="origin_refused", detail="Requests from this origin are refused.")
        visit.origin = origin
        return None
