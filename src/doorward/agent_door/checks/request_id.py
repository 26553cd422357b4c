"""Gives every request an id of ours. A caller's own id is believed only under a signature (`checks.signature`)."""

import uuid

from doorward.agent_door.visit import Visit
from doorward.model.verdicts import Verdict


class RequestId:
    """First of all checks, so that every answer and every ledger entry has an id."""

    async def check(self, visit: Visit) -> Verdict | None:
        visit.request_id = visit.request.id = str(uuid.uuid4())
        return None
