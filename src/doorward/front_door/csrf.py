"""A browser sends its cookie with every request, also with those that a foreign page made it send. So a request that a
cookie opens must come from our page and, when it changes something, carry the token that only our page knows."""

from doorward.front_door.check import Answer, Tools
from doorward.front_door.known_route import NOT_HERE
from doorward.front_door.origins import Origins
from doorward.front_door.visit import Visit
from doorward.http.routes import Access
from doorward.model.principals import OPERATOR
from doorward.model.verdicts import Deny

_SAFE = frozenset({"GET", "HEAD"})


class Csrf:
    """Asked only of requests that a browser session opened."""

    def __init__(self, tools: Tools) -> None:
        self._origins = Origins(tools.settings, tools.public_url)

    async def check(self, visit: Visit) -> Answer:
        verdict = self._foreign(visit)
        hidden = visit.route is not None and visit.route.access is Access.OPERATOR
        return NOT_HERE if verdict is not None and hidden and OPERATOR not in visit.session.roles else verdict

    def _foreign(self, visit: Visit) -> Answer:
        if not visit.cookie:
            return None
        if not self._origins.may_send_cookies(visit.origin, visit.headers.get("host", "")):
            return Deny(code="cross_site_request", detail="A browser session cannot be used from another site.")
        if visit.method in _SAFE:
            return self._reading(visit)
        if visit.route is None or not visit.route.csrf:
            return None
        token = visit.headers.get("x-csrf-token", "")
        if not token or not visit.session.csrf_token.matches(token):
            return Deny(code="csrf_token", detail="The X-CSRF-Token header is missing or wrong.")
        return None

    def _reading(self, visit: Visit) -> Answer:
        """A page elsewhere may link here, but not load our answers as its scripts or images."""
        foreign = visit.headers.get("sec-fetch-site") == "cross-site"
        if foreign and visit.origin is None and visit.headers.get("sec-fetch-mode") != "navigate":
            return Deny(code="cross_site_request", detail="A browser session cannot be used from another site.")
        return None
