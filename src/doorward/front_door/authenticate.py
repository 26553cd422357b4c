"""Finds out who knocks: by one credential in one place, an Authorization header or the cookie of a browser session."""

from doorward.errors import Unauthenticated
from doorward.front_door.check import Answer, Tools
from doorward.front_door.known_route import NOT_HERE
from doorward.front_door.visit import Visit
from doorward.http.routes import Access, Route
from doorward.model.principals import User
from doorward.model.sign_in import BrowserSession
from doorward.model.verdicts import Deny

_CHALLENGE = 'Bearer realm="doorward"'
_TOKEN_PARAMETERS = (b"access_token=", b"id_token=")


class Authenticate:
    """Sets `user` on the visit. A public route is left alone; a token elsewhere (query, other header) opens nothing."""

    def __init__(self, tools: Tools) -> None:
        self._verifier = tools.verifier
        self._sessions = tools.sessions
        self._clock = tools.clock
        self._bare = tools.settings.cognito_compatible

    async def check(self, visit: Visit) -> Answer:
        route = visit.route
        if visit.preflight or route is None or route.access is Access.PUBLIC:
            return None
        verdict = await self._identify(visit, route)
        return NOT_HERE if verdict is not None and route.access is Access.OPERATOR else verdict

    async def _identify(self, visit: Visit, route: Route) -> Answer:
        if any(name in visit.query_string for name in _TOKEN_PARAMETERS):
            return _no("token_in_query", "A token in the URL is not taken.", error="invalid_request", status=400)
        given = visit.header_values("authorization")
        if len(given) > 1:
            return _no("several_credentials", "Send one Authorization header.", error="invalid_request", status=400)
        if given:
            return await self._by_token(visit, given[0])
        session = await self._session(visit) if route.cookie else None
        if session is None:
            return _no("unauthenticated", "Sign in, or send an access token.")
        visit.session = session
        visit.cookie = True
        self._enter(visit, _user_of(session))
        return None

    async def _by_token(self, visit: Visit, header: str) -> Answer:
        """RFC 6750 2.1; the scheme's name in any case. `cognito_compatible` also takes the token alone."""
        scheme, space, token = header.partition(" ")
        if not space and self._bare:
            scheme, token = "bearer", header
        if scheme.lower() != "bearer" or not token or " " in token or not token.isascii():
            return _no("token_malformed", "Send: Authorization: Bearer <token>.", error="invalid_token")
        try:
            user = await self._verifier.verify(token)
        except Unauthenticated as error:
            return _no(error.code, error.message, error="invalid_token")
        self._enter(visit, user)
        return None

    async def _session(self, visit: Visit) -> BrowserSession | None:
        cookies = visit.header_values("cookie")
        if len(cookies) != 1:
            return None
        session = await self._sessions.find(cookies[0])
        return session if session is not None and session.expires_at > self._clock() else None

    def _enter(self, visit: Visit, user: User) -> None:
        visit.user = user
        visit.user_key = user.key


def _user_of(session: BrowserSession) -> User:
    return User(
        issuer=session.issuer,
        subject=session.subject,
        username=session.username,
        email=session.email,
        roles=session.roles,
        tenant=session.tenant,
    )


def _no(code: str, detail: str, *, error: str = "", status: int = 401) -> Deny:
    challenge = f'{_CHALLENGE}, error="{error}"' if error else _CHALLENGE
    return Deny(code=code, detail=detail, status=status, headers={"www-authenticate": challenge})
