"""Says who may use a route. It is the one check that allows; a route that states nothing it knows is denied."""

from doorward.front_door.check import Answer, Tools
from doorward.front_door.visit import Visit
from doorward.http.routes import Access as RouteAccess
from doorward.model.verdicts import Allow, Deny

_ROLE = "operator"


class Access:
    """Public routes are for all, user routes for whoever authenticated, operator routes for the role ``operator``."""

    def __init__(self, tools: Tools) -> None:
        del tools

    async def check(self, visit: Visit) -> Answer:
        if visit.preflight:
            return Allow("preflight")
        access = visit.route.access if visit.route else None
        if access is RouteAccess.PUBLIC:
            return Allow("public")
        if visit.user is None or access is None:
            return None
        if access is RouteAccess.USER:
            return Allow("user")
        if access is RouteAccess.OPERATOR and _ROLE in visit.user.roles:
            return Allow("operator")
        return Deny(code="forbidden", detail="This is for operators.")
