"""POST /oauth2/token and /oauth2/revoke (RFC 6749 section 3.2, RFC 7009). Clients call them; they refuse a code or
refresh token that is used twice, old, another client's, or without its PKCE verifier."""

import re

from msgspec import Struct

from doorward.http.request import Request
from doorward.http.response import Response, json_response
from doorward.model.sign_in import Account, AuthorizationCode, Client, RefreshToken
from doorward.ports.clock import Clock
from doorward.ports.sign_in import GrantStore
from doorward.sign_in.accounts import Accounts
from doorward.sign_in.clients import Clients
from doorward.sign_in.oauth_errors import NO_STORE, OAuthError
from doorward.sign_in.tokens import Grant, Tokens, challenge_fits, new_token, stored_hash
from doorward.sign_in.verdicts import Verdicts

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636 section 4.1
TOKEN_FORM = (
    "grant_type",
    "code",
    "redirect_uri",
    "client_id",
    "client_secret",
    "code_verifier",
    "refresh_token",
    "scope",
    "resource",
    "audience",
    "state",
    "username",
    "password",
    "client_assertion",
    "client_assertion_type",
)
REVOKE_FORM = ("token", "token_type_hint", "client_id", "client_secret")


class TokenParts(Struct, frozen=True, kw_only=True):
    """What both endpoints need."""

    clients: Clients
    accounts: Accounts
    grants: GrantStore
    tokens: Tokens
    verdicts: Verdicts
    clock: Clock
    refresh_ttl: float


class TokenEndpoint:
    """Redeems codes and refresh tokens. Answers and errors are JSON and are never cached (RFC 6749 section 5)."""

    def __init__(self, parts: TokenParts) -> None:
        self._clients = parts.clients
        self._accounts = parts.accounts
        self._grants = parts.grants
        self._tokens = parts.tokens
        self._verdicts = parts.verdicts
        self._clock = parts.clock
        self._refresh_ttl = parts.refresh_ttl

    async def token(self, request: Request) -> Response:
        """One of the two grants there are. The password and client credentials grants are not offered."""
        client_id = ""
        try:
            client = self._clients.authenticate(request)
            client_id = client.client_id
            return await self._grant(request, client)
        except OAuthError as error:
            self._verdicts.deny(request, "token", error.reason, client_id=client_id)
            return error.response(challenge="authorization" in request.headers)

    async def revoke(self, request: Request) -> Response:
        """Revoke the family of a refresh token. Unknown tokens get 200 too (RFC 7009 section 2.2); access tokens end
        by themselves and get ``unsupported_token_type``."""
        try:
            client = self._clients.authenticate(request)
            token = _revocable(request.form.get("token", ""))
            self._verdicts.allow(request, "revoke", subject="", client_id=client.client_id)
            await self._grants.revoke(stored_hash(client.client_id, token))
        except OAuthError as error:
            self._verdicts.deny(request, "revoke", error.reason)
            return error.response(challenge="authorization" in request.headers)
        return Response(headers=list(NO_STORE))

    async def _grant(self, request: Request, client: Client) -> Response:
        match request.form.get("grant_type"):
            case "authorization_code":
                return await self._redeem(request, client)
            case "refresh_token":
                return await self._refresh(request, client)
            case None | "":
                raise OAuthError("invalid_request", "grant_type is missing.")
            case _:
                raise OAuthError("unsupported_grant_type", "Grants are authorization_code and refresh_token.")

    async def _redeem(self, request: Request, client: Client) -> Response:
        form = request.form
        presented = form.get("code", "")
        if not presented or "redirect_uri" not in form:
            raise OAuthError("invalid_request", "code and redirect_uri are needed.")
        code = await self._grants.take_code(stored_hash(client.client_id, presented))
        if code is None:
            # Unknown, or used before: then the store has revoked the family (AP-OAU-02).
            raise _invalid_grant("code_unknown_or_used")
        _check_code(code, form.get("redirect_uri", ""), form.get("code_verifier"), self._clock())
        account = await self._account(code.subject)
        grant = Grant(client_id=client.client_id, scope=code.scope, auth_time=code.auth_time, nonce=code.nonce)
        refresh = new_token()
        self._verdicts.allow(
            request, "token", subject=account.subject, client_id=client.client_id, code="authorization_code"
        )
        await self._grants.save_refresh(
            RefreshToken(
                token_hash=stored_hash(client.client_id, refresh),
                family=code.family,
                client_id=client.client_id,
                subject=code.subject,
                scope=code.scope,
                auth_time=code.auth_time,
                expires_at=code.auth_time + self._refresh_ttl,
            )
        )
        return self._answer(account, grant, refresh)

    async def _refresh(self, request: Request, client: Client) -> Response:
        presented = request.form.get("refresh_token", "")
        if not presented:
            raise OAuthError("invalid_request", "refresh_token is needed.")
        wanted = request.form.get("scope")
        old = await self._grants.take_refresh(stored_hash(client.client_id, presented))
        if old is None:
            # Unknown, revoked, or used before: then the store has revoked the family (AP-OAU-06).
            raise _invalid_grant("refresh_unknown_or_used")
        if old.expires_at <= self._clock():
            raise _invalid_grant("refresh_expired")
        account = await self._account(old.subject)
        scope = _narrowed(old.scope, wanted)
        refresh = new_token()
        self._verdicts.allow(
            request, "token", subject=account.subject, client_id=client.client_id, code="refresh_token"
        )
        await self._grants.save_refresh(_next_of(old, stored_hash(client.client_id, refresh)))
        return self._answer(account, Grant(client_id=client.client_id, scope=scope, auth_time=old.auth_time), refresh)

    async def _account(self, subject: str) -> Account:
        account = await self._accounts.enabled(subject)
        if account is None:
            raise _invalid_grant("account_disabled")
        return account

    def _answer(self, account: Account, grant: Grant, refresh: str) -> Response:
        access = self._tokens.access(account, grant)
        body = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": int(self._tokens.rules.ttl),
            "refresh_token": refresh,
            "scope": grant.scope,
        }
        if "openid" in grant.scope.split(" "):
            body["id_token"] = self._tokens.id(account, grant, access)
        return json_response(body, headers=NO_STORE)


def _revocable(token: str) -> str:
    if not token:
        raise OAuthError("invalid_request", "token is missing.")
    if token.count(".") == 2:
        raise OAuthError("unsupported_token_type", "Access and ID tokens cannot be revoked; they expire.")
    return token


def _check_code(code: AuthorizationCode, redirect_uri: str, verifier: str | None, now: float) -> None:
    """INVARIANT: a code is worth nothing after 60 s, elsewhere, or without the verifier of its challenge."""
    if code.expires_at <= now:
        raise _invalid_grant("code_expired")
    if code.redirect_uri != redirect_uri:
        raise _invalid_grant("code_redirect_uri")
    if code.code_challenge is None:
        if verifier is not None:  # RFC 9700 section 2.1.1: PKCE must not be taken out on the way
            raise _invalid_grant("code_verifier_unexpected")
        return
    if verifier is None or not _VERIFIER.fullmatch(verifier) or not challenge_fits(verifier, code.code_challenge):
        raise _invalid_grant("code_verifier")


def _next_of(old: RefreshToken, token_hash: str) -> RefreshToken:
    """Rotation: the same family, grant and end (a family does not outlive the sign-in by being used)."""
    return RefreshToken(
        token_hash=token_hash,
        family=old.family,
        client_id=old.client_id,
        subject=old.subject,
        scope=old.scope,
        auth_time=old.auth_time,
        expires_at=old.expires_at,
    )


def _narrowed(granted: str, wanted: str | None) -> str:
    """The part of the granted scope that is asked for: less is possible, more is not (RFC 6749 section 6)."""
    if wanted is None:
        return granted
    scope = " ".join(name for name in granted.split(" ") if name in wanted.split(" "))
    if not scope:
        raise OAuthError("invalid_scope", "Nothing of this scope was granted.")
    return scope


def _invalid_grant(reason: str) -> OAuthError:
    # One message for all: a thief learns nothing. The ledger has the reason.
    return OAuthError("invalid_grant", "The code or refresh token does not hold.", reason=reason)
