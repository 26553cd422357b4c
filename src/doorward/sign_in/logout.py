"""GET and POST /logout, in Cognito's form (client_id, logout_uri) and in OIDC's (RP-Initiated Logout 1.0). The session
at the provider ends in any case; the browser is sent on only to a registered URI."""

from collections.abc import Mapping
from urllib.parse import urlencode

from doorward.http.request import Request
from doorward.http.response import Response, redirect
from doorward.model.sign_in import Client
from doorward.sign_in.clients import Clients
from doorward.sign_in.cookies import ProviderSessions
from doorward.sign_in.rendering import Pages
from doorward.sign_in.tokens import Tokens
from doorward.sign_in.verdicts import Verdicts

LOGOUT_PARAMETERS = (
    "client_id",
    "logout_uri",
    "id_token_hint",
    "post_logout_redirect_uri",
    "state",
    "logout_hint",
    "ui_locales",
)


class Logout:
    """The end-session endpoint."""

    def __init__(
        self, clients: Clients, tokens: Tokens, sessions: ProviderSessions, pages: Pages, verdicts: Verdicts
    ) -> None:
        self._clients = clients
        self._tokens = tokens
        self._sessions = sessions
        self._pages = pages
        self._verdicts = verdicts

    async def leave(self, request: Request) -> Response:
        """Parameters in the query."""
        return await self._leave(request, request.query())

    async def leave_by_form(self, request: Request) -> Response:
        """Parameters in the body."""
        return await self._leave(request, request.form)

    async def _leave(self, request: Request, params: Mapping[str, str]) -> Response:
        client = self._client(params)
        client_id = client.client_id if client else ""
        subject, cookie = await self._sessions.end(request)
        target = params.get("logout_uri", params.get("post_logout_redirect_uri"))
        if target is None:
            self._verdicts.allow(request, "sign_out", subject=subject, client_id=client_id)
            return self._pages.message("Signed out", "You are signed out here.", headers=[cookie])
        # INVARIANT: only a URI that is registered, character for character, is redirected to (AP-OAU-03).
        if client is None or target not in client.logout_uris:
            self._verdicts.deny(request, "sign_out", "logout_uri", client_id=client_id)
            text = "You are signed out here. The address to go on to is not registered."
            return self._pages.message("Signed out", text, status=400, headers=[cookie])
        self._verdicts.allow(request, "sign_out", subject=subject, client_id=client_id)
        return redirect(_with_state(target, params), headers=[(b"cache-control", b"no-store"), cookie])

    def _client(self, params: Mapping[str, str]) -> Client | None:
        """By client_id, or by the audience of the hint; when both are there they must agree."""
        hint = params.get("id_token_hint")
        if hint is None:
            return self._clients.find(params.get("client_id"))
        claims = self._tokens.hinted(hint)
        audience = str(claims.get("aud")) if claims else None
        if audience is None or params.get("client_id", audience) != audience:
            return None
        return self._clients.find(audience)


def _with_state(target: str, params: Mapping[str, str]) -> str:
    if "state" not in params or "logout_uri" in params:
        return target
    return f"{target}{'&' if '?' in target else '?'}{urlencode({'state': params['state']})}"
