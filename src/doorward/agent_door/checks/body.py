"""Reads the body, with a limit and a deadline."""

from doorward.agent_door.visit import Visit
from doorward.model.verdicts import Verdict

BODY_SECONDS = 10.0


class Body:
    """Any bytes, up to the limit: what they mean is between the caller and the agent."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    async def check(self, visit: Visit) -> Verdict | None:
        visit.body = await visit.request.read_body(limit=self._limit, timeout=BODY_SECONDS)
        return None
