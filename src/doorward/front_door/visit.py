"""A request on its way through the front door: what the checks have found out about it so far."""

from typing import Any

from doorward.http.asgi import Receive, Scope
from doorward.http.lambda_events import API, CLAIMS
from doorward.http.request import Request
from doorward.http.routes import Match, Route
from doorward.ports.limits import LimitState


class Visit(Request):
    """A `Request` that knows its route, the limits it used, and whether it is a CORS preflight.

    `route` stays None until the path check found one; `match` is what the table knows about the path. `cookie` is true
    when a browser session, not a token, says who knocks. `claims` are those that a gateway before a function verified,
    and `api` is which one (``ACCOUNT:API/STAGE``).
    """

    __slots__ = ("api", "claims", "cookie", "limits", "match", "origin", "preflight", "route", "user_key")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self.route: Route | None = None
        self.match: Match | None = None
        self.origin: str | None = self.headers.get("origin")
        self.preflight = False
        self.cookie = False
        self.api: str = scope.get(API, "")
        self.claims: dict[str, Any] | None = scope.get(CLAIMS)
        self.user_key = ""
        self.limits: list[tuple[str, LimitState]] = []

    @property
    def action(self) -> str:
        """What the ledger calls this: the method and the template, never the path as it was sent."""
        return f"{self.method} {self.route.path if self.route else '(unknown)'}"

    @property
    def principal(self) -> str:
        """Who knocks, as the ledger names them: the user's key, empty before authentication."""
        return self.user_key
