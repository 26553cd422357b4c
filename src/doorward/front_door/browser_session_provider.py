"""The issuer as the browser session sees it: addresses from discovery, the token endpoint, ID tokens.

Called by `browser_session`. Works with the embedded sign-in and with any OpenID Connect issuer: everything it needs
from outside comes as callables. Refuses an answer without tokens, of another user, or for another sign-in.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from doorward.errors import StoreUnavailable, Unauthenticated
from doorward.front_door.browser_session_pending import PendingSignIn
from doorward.identity.compact import parse_compact
from doorward.identity.discovery import ProviderMetadata
from doorward.model.principals import User
from doorward.model.secret import Secret
from doorward.ports.identity import TokenVerifier

Discover = Callable[[], Awaitable[ProviderMetadata]]
PostForm = Callable[[str, Mapping[str, str], tuple[str, Secret] | None], Awaitable[tuple[int, dict[str, Any]]]]


class Provider(Struct, frozen=True, kw_only=True):
    """An issuer and our client there.

    `discover` gives its metadata and keeps it for a while (`identity.discovery.CachedDiscovery.metadata`).
    `post_form(url, fields, auth)` posts a form and gives status and JSON object; `auth` is (client id, secret) for HTTP
    Basic. Both raise `StoreUnavailable` (``issuer_unreachable``) when there is no answer. `id_tokens` verifies an ID
    token for `client_id`: signature, ``iss``, ``aud``, times (`identity.tokens.UserTokenVerifier` with rules for ID
    tokens whose only client is ours). `scope` may have to name ``offline_access`` to get a refresh token.
    """

    issuer: str
    client_id: str
    discover: Discover
    post_form: PostForm
    id_tokens: TokenVerifier
    client_secret: Secret | None = None
    scope: str = "openid email profile"


class Tokens(Struct, frozen=True, kw_only=True):
    """What the token endpoint gave."""

    access: Secret
    id: Secret | None
    refresh: Secret | None


class ProviderClient:
    """Speaks OAuth 2.0 with the issuer for the browser session. `redirect_uri` is our callback's URL."""

    def __init__(self, provider: Provider, redirect_uri: str) -> None:
        self._provider = provider
        self._redirect_uri = redirect_uri

    @property
    def issuer(self) -> str:
        """The issuer's URL."""
        return self._provider.issuer

    async def authorize_url(self, pending: PendingSignIn) -> str:
        """Where the browser goes to sign in (authorization code with PKCE S256, state and nonce)."""
        metadata = await self._provider.discover()
        query = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._provider.scope,
            "state": pending.state,
            "nonce": pending.nonce,
            "code_challenge": pending.challenge,
            "code_challenge_method": "S256",
        }
        return _with_query(_endpoint(metadata.authorization_endpoint), query)

    async def check_issuer(self, given: str | None) -> None:
        """Refuse an answer from another issuer (mix-up, RFC 9207 section 2.4, AP-OAU-04)."""
        metadata = await self._provider.discover()
        required = metadata.authorization_response_iss_parameter_supported
        if given != self._provider.issuer and (required or given is not None):
            raise Unauthenticated("The answer comes from another issuer.", code="token_issuer")

    async def redeem(self, code: str, pending: PendingSignIn) -> tuple[Tokens, User]:
        """Exchange the code, and read who signed in from the ID token."""
        tokens = await self._token(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._redirect_uri,
                "code_verifier": pending.verifier,
            }
        )
        if tokens.id is None:
            raise Unauthenticated("The issuer gave no ID token.", code="token_claims")
        user = await self._provider.id_tokens.verify(tokens.id.reveal())
        _check_binding(parse_compact(tokens.id.reveal()).claims, tokens, pending)
        return tokens, user

    async def refresh(self, refresh_token: Secret) -> Tokens:
        """New tokens for the old refresh token. `Unauthenticated` (``session_ended``) when the issuer says no."""
        return await self._token({"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()})

    async def revoke(self, refresh_token: Secret) -> None:
        """Tell the issuer that the refresh token is over (RFC 7009), if it takes that."""
        metadata = await self._provider.discover()
        if metadata.revocation_endpoint:
            fields = {"token": refresh_token.reveal(), "token_type_hint": "refresh_token"}
            await self._post(metadata.revocation_endpoint, fields)

    async def sign_out_url(self, after: str) -> str:
        """Where the browser goes to end the session at the issuer too; `after` when the issuer has no such place.

        The ID token is not sent as a hint: tokens stay on the server.
        """
        metadata = await self._provider.discover()
        if not metadata.end_session_endpoint:
            return after
        query = {"client_id": self._provider.client_id, "post_logout_redirect_uri": after}
        return _with_query(metadata.end_session_endpoint, query)

    async def _token(self, fields: dict[str, str]) -> Tokens:
        metadata = await self._provider.discover()
        status, answer = await self._post(_endpoint(metadata.token_endpoint), fields)
        access, kind = answer.get("access_token"), answer.get("token_type")
        if status != 200 or not isinstance(access, str) or str(kind).lower() != "bearer":
            raise Unauthenticated("The issuer did not give tokens for this sign-in.", code="session_ended")
        return Tokens(access=Secret(access), id=_secret(answer, "id_token"), refresh=_secret(answer, "refresh_token"))

    async def _post(self, url: str, fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
        secret = self._provider.client_secret
        if secret is None:
            return await self._provider.post_form(url, {**fields, "client_id": self._provider.client_id}, None)
        return await self._provider.post_form(url, fields, (self._provider.client_id, secret))


def expiry_of(access_token: Secret) -> float | None:
    """When an access token ends, if it is a JWT that says so. Only for knowing when to refresh: nothing is verified."""
    try:
        expiry = parse_compact(access_token.reveal()).claims.get("exp")
    except Unauthenticated:
        return None
    return float(expiry) if isinstance(expiry, int | float) else None


def _check_binding(claims: Mapping[str, Any], tokens: Tokens, pending: PendingSignIn) -> None:
    """OpenID Connect Core 3.1.3.7 (nonce, azp) and 3.1.3.8 (at_hash, for the 256-bit algorithms)."""
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not Secret(nonce).matches(pending.nonce):
        raise Unauthenticated("The ID token belongs to another sign-in.", code="token_nonce")
    digest = hashlib.sha256(tokens.access.reveal().encode()).digest()[:16]
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
    at_hash = claims.get("at_hash")
    if isinstance(at_hash, str) and len(at_hash) == len(expected) and not Secret(at_hash).matches(expected):
        raise Unauthenticated("The ID token belongs to another access token.", code="token_claims")


def _endpoint(url: str) -> str:
    if not url:
        raise StoreUnavailable("The issuer's metadata lacks an endpoint that is needed.", code="issuer_invalid")
    return url


def _with_query(url: str, query: dict[str, str]) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"


def _secret(answer: Mapping[str, Any], name: str) -> Secret | None:
    value = answer.get(name)
    return Secret(value) if isinstance(value, str) and value else None
