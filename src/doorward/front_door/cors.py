"""Refuses pages of foreign origins, and lets preflights of known ones through to their answer."""

from doorward.front_door.check import Answer, Tools
from doorward.front_door.known_route import allowed_methods
from doorward.front_door.origins import Origins, open_to_all, preflight_headers
from doorward.front_door.visit import Visit
from doorward.http.response import Response
from doorward.model.verdicts import Deny


class Cors:
    """The Origin header, when there is one, must be ours or listed. ``null`` is foreign; the server never guesses."""

    def __init__(self, tools: Tools) -> None:
        self._origins = Origins(tools.settings, tools.public_url)

    async def check(self, visit: Visit) -> Answer:
        origin = visit.origin
        if origin is None:
            return None
        if len(visit.header_values("origin")) == 1:
            if self._origins.may_call(origin, visit.headers.get("host", "")):
                return None
            if open_to_all(visit.route, visit.method):
                return None
        return Deny(code="origin_not_allowed", detail="Pages of that origin may not call this server.")


async def answer_preflight(visit: Visit) -> Response:
    """204 with what is allowed; who may call was decided by the checks, and its headers go on every answer."""
    methods = allowed_methods(visit.match.methods) if visit.match else []
    return Response(status=204, headers=preflight_headers(methods))
