"""The query is closed: a parameter that the route does not name is refused, so none is silently without effect.

A route that names ``*`` takes others too: an OAuth client must ignore what it does not know (RFC 6749 4.1.2)."""

from doorward.errors import InvalidInput
from doorward.front_door.check import Answer, Tools
from doorward.front_door.visit import Visit
from doorward.model.verdicts import Deny


class Query:
    """What the values may be is the handler's business."""

    def __init__(self, tools: Tools) -> None:
        del tools

    async def check(self, visit: Visit) -> Answer:
        if not visit.query_string or visit.route is None or visit.preflight:
            return None
        try:
            unknown = visit.query().keys() - set(visit.route.query)
        except InvalidInput as error:
            return Deny(code=error.code, detail=error.message, status=error.status)
        if unknown and "*" not in visit.route.query:
            return Deny(code="unknown_parameter", detail="The query has an unknown parameter.", status=400)
        return None
