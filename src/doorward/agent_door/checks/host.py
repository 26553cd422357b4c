"""Answers only to the names it was given (DNS rebinding, AP-HTP-11)."""

import re
from collections.abc import Iterable

from doorward.agent_door.visit import Visit
from doorward.model.verdicts import Deny, Verdict

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::[0-9]{1,5})?", re.IGNORECASE)


class Host:
    """The Host header's name, without the port, must be on the list."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = frozenset(name.lower() for name in allowed)

    async def check(self, visit: Visit) -> Verdict | None:
        parsed = _HOST.fullmatch(visit.request.headers.get("host", ""))
        if parsed is None or (parsed[1] or parsed[2]).lower() not in self._allowed:
            return Deny(code="host_refused", detail="This door does not answer to that host.", status=421)
        return None
