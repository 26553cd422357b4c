"""Says who may use a route. It is the one check that allows; a route that states nothing it knows is denied."""

from doorward.front_door.check import Answer, Tools
from doorward.front_door.known_route import NOT_HERE
from doorward.front_door.visit import Visit
from doorward.http.routes import Access as RouteAccess
from doorward.model.principals import OPERATOR
from doorward.model.verdicts import Allow


class Access:
    """Public routes are for all, user routes for whoever authenticated, operator routes for the role ``operator``; to
    all others those do not exist."""

    def __init__(self, tools: Tools) -> None:
        del tools

    async def check(self, visit: Visit) -> Answer:
        access = visit.route.access if visit.route else None
        if access is RouteAccess.OPERATOR and (
            visit.preflight or visit.user is None or OPERATOR not in visit.user.roles
        ):
            return NOT_HERE
        if visit.preflight:
            return Allow("preflight")
        if access is RouteAccess.PUBLIC:
            return Allow("public")
        if visit.user is None or access is None:
            return None
        if access is RouteAccess.USER:
            return Allow("user")
        return Allow("operator") if access is RouteAccess.OPERATOR else None
