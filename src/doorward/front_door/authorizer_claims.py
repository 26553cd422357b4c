"""Who knocks at a function behind API Gateway: whom its authorizer verified. Takes the place of `authenticate` there.

The token itself is not looked at: the authorizer has, and fetching the issuer's keys again would cost each cold start.
What the authorizer does not ask is asked here: which client the token is for, and that it is an access token. So the
claims are as good as whoever made the event: API Gateway, or somebody in the account who may invoke the function.
"""

from typing import Any

from doorward.front_door.check import Answer
from doorward.front_door.visit import Visit
from doorward.http.routes import Access
from doorward.identity.profile import email_of, roles_of, tenant_of, username_of
from doorward.model.principals import User
from doorward.model.settings import SignInSettings
from doorward.model.verdicts import Deny

MAX_SUBJECT_CHARACTERS = 255


class AuthorizerClaims:
    """Sets `user` on the visit. A method without an authorizer gives no claims: then nobody is allowed."""

    def __init__(self, settings: SignInSettings, clients: frozenset[str]) -> None:
        self._settings = settings
        self._clients = clients

    async def check(self, visit: Visit) -> Answer:
        route = visit.route
        if visit.preflight or route is None or route.access is Access.PUBLIC:
            return None
        return self._enter(visit, visit.claims)

    def _enter(self, visit: Visit, claims: dict[str, Any] | None) -> Answer:
        if claims is None:
            return _no("unauthenticated", "Sign in, or send an access token.")
        if claims.get("token_use") != "access":
            return _no("token_type", "The token is not an access token for this door.")
        if claims.get("iss") != self._settings.issuer:
            return _no("token_issuer", "The token is from another issuer.")
        if claims.get("client_id") not in self._clients:
            return _no("token_audience", "The token is meant for another audience or client.")
        user = self._user(claims)
        if user is None:
            return _no("token_claims", "A claim of the token is missing or does not fit.")
        visit.user = user
        visit.user_key = user.key
        return None

    def _user(self, claims: dict[str, Any]) -> User | None:
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS or not subject.isprintable():
            return None
        said = {**claims, self._settings.role_claim: _list(claims.get(self._settings.role_claim))}
        username, roles = username_of(said, subject), roles_of(said, self._settings.role_claim)
        tenant = tenant_of(said, self._settings.tenant_claim)
        if username is None or roles is None or tenant is None:
            return None
        return User(
            issuer=self._settings.issuer,
            subject=subject,
            username=username,
            email=email_of(said),
            roles=roles,
            tenant=tenant,
        )


def _list(value: object) -> object:
    """API Gateway hands on a list as one text: ``operator,staff`` (and, from some sources, ``[operator staff]``)."""
    if not isinstance(value, str):
        return [] if value is None else value
    return [part for part in value.strip("[]").replace(",", " ").split() if part]


def _no(code: str, detail: str) -> Deny:
    return Deny(code=code, detail=detail, status=401, headers={"www-authenticate": 'Bearer realm="doorward"'})
