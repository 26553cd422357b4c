"""Gives every request an id of ours. A caller's own id is believed only under a signature (`checks.signature`)."""

import itertools
import secrets

from doorward.agent_door.visit import Visit
from doorward.model.verdicts import Verdict


class RequestId:
    """First of all checks, so that every answer and every ledger entry has an id. Unique, not secret: a random part for
    the process and a number."""

    def __init__(self) -> None:
        self._process = secrets.token_hex(8)
        self._numbers = itertools.count(1)

    async def check(self, visit: Visit) -> Verdict | None:
        visit.request_id = visit.request.id = f"{self._process}-{next(self._numbers):x}"
        return None
