"""Reads the body of Memory's operations: an event's up to its memory's limit, any other is small."""

from collections.abc import Mapping

from doorward.agent_door.checks.body import BODY_SECONDS
from doorward.agent_door.visit import Operation, Visit
from doorward.model.verdicts import Verdict

_SMALL = 65_536


class MemoryBody:
    """`limits` are bytes by the id of the memory."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._limits = limits

    async def check(self, visit: Visit) -> Verdict | None:
        memory = visit.memory.memory if visit.memory else ""
        limit = self._limits.get(memory, _SMALL) if visit.operation is Operation.CREATE_EVENT else _SMALL
        visit.body = await visit.request.read_body(limit=limit, timeout=BODY_SECONDS)
        return None
