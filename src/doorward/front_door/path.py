"""Reads the path once. Routing, authorization and the ledger all use what is found here, and nothing else."""

from doorward.errors import InvalidInput
from doorward.front_door.check import Answer, Tools
from doorward.front_door.visit import Visit
from doorward.http.paths import split_path
from doorward.model.verdicts import Deny


class Path:
    """Refuses a path that can be read in two ways, and looks up the route; `known_route` answers for a missing one."""

    def __init__(self, tools: Tools) -> None:
        self._table = tools.table

    async def check(self, visit: Visit) -> Answer:
        try:
            visit.segments = split_path(visit.raw_path)
        except InvalidInput as error:
            return Deny(code=error.code, detail=error.message, status=error.status)
        # A preflight (OPTIONS with these two headers) asks about the route of another method.
        asked = visit.headers.get("access-control-request-method")
        visit.preflight = visit.method == "OPTIONS" and asked is not None and visit.origin is not None
        match = self._table.find(asked if visit.preflight and asked else visit.method, visit.segments)
        if match is not None:
            visit.match = match
            visit.route = match.route
            visit.params = match.params
        return None
