"""GET and POST /oauth2/userInfo (OIDC Core section 5.3). Clients call it with an access token; others are refused."""

from doorward.errors import Forbidden, Unauthenticated
from doorward.http.request import Request
from doorward.http.response import Response, json_response
from doorward.model.sign_in import Account
from doorward.sign_in.accounts import Accounts
from doorward.sign_in.oauth_errors import NO_STORE
from doorward.sign_in.tokens import Tokens


class UserInfo:
    """Says who the bearer of an access token is. The token comes in the Authorization header only (RFC 6750)."""

    def __init__(self, tokens: Tokens, accounts: Accounts) -> None:
        self._tokens = tokens
        self._accounts = accounts

    async def show(self, request: Request) -> Response:
        """`sub` always; `email` and `username` as far as the scope goes."""
        try:
            account, scopes = await self._bearer(request)
        except Unauthenticated as error:
            return _refused(401, "invalid_token", error.message)
        except Forbidden as error:
            return _refused(403, "insufficient_scope", error.message)
        body: dict[str, object] = {"sub": account.subject}
        if "email" in scopes:
            body |= {"email": account.email, "email_verified": False}
        if "profile" in scopes:
            body |= {"username": account.username, "preferred_username": account.username}
        return json_response(body, headers=NO_STORE)

    async def _bearer(self, request: Request) -> tuple[Account, list[str]]:
        claims = self._tokens.verify_access(_token(request))
        scopes = str(claims.get("scope", "")).split(" ")
        if "openid" not in scopes:
            raise Forbidden("The token has no scope openid.", code="insufficient_scope")
        account = await self._accounts.enabled(str(claims.get("sub")))
        if account is None:
            raise Unauthenticated("The account is gone or disabled.", code="account_disabled")
        return account, scopes


def _token(request: Request) -> str:
    values = request.header_values("authorization")
    scheme, _, token = (values[0] if len(values) == 1 else "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("An access token is needed: Authorization: Bearer.")
    return token.strip()


def _refused(status: int, error: str, message: str) -> Response:
    challenge = (b"www-authenticate", f'Bearer realm="doorward", error="{error}"'.encode())
    body = {"error": error, "error_description": message}
    return json_response(body, status=status, headers=[*NO_STORE, challenge])
