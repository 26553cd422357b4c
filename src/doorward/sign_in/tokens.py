"""Access and ID tokens with Amazon Cognito's claims. The token endpoint and the command line mint here; `verify_access`
refuses everything that is not a current access token of this issuer."""

import base64
import hashlib
import hmac
import secrets
import uuid
from typing import Any

from msgspec import Struct

from doorward.errors import Unauthenticated
from doorward.model.sign_in import Account
from doorward.ports.clock import Clock
from doorward.sign_in.signing import SigningKeys

ACCESS_TYPE = "at+jwt"  # RFC 9068 section 2.1


class TokenRules(Struct, frozen=True, kw_only=True):
    """What every token says: who issued it, for whom access tokens are, how many seconds both kinds live."""

    issuer: str
    audience: str
    ttl: float


class Grant(Struct, frozen=True, kw_only=True):
    """What a user granted a client: the scope (space-separated), when they signed in, and the nonce to give back."""

    client_id: str
    scope: str
    auth_time: float
    nonce: str | None = None


class Tokens:
    """Mints and verifies. Times come from the clock, in seconds since 1970."""

    def __init__(self, rules: TokenRules, keys: SigningKeys, clock: Clock) -> None:
        self.rules = rules
        self._keys = keys
        self._clock = clock

    def access(self, account: Account, grant: Grant) -> str:
        """An access token (RFC 9068, with Cognito's ``token_use``, ``client_id``, ``username``, ``cognito:groups``)."""
        claims = {
            **self._common(account, grant),
            "aud": self.rules.audience,
            "client_id": grant.client_id,
            "token_use": "access",
            "scope": grant.scope,
            "username": account.username,
        }
        return self._keys.sign({"typ": ACCESS_TYPE}, claims)

    def id(self, account: Account, grant: Grant, access_token: str) -> str:
        """An ID token (OIDC Core section 2 and 3.1.3.6), with Cognito's ``token_use`` and ``cognito:username``."""
        claims = {
            **self._common(account, grant),
            "aud": grant.client_id,
            "token_use": "id",
            "cognito:username": account.username,
            "email": account.email,
            "email_verified": False,
            "at_hash": at_hash(access_token),
        }
        if grant.nonce is not None:
            claims["nonce"] = grant.nonce
        return self._keys.sign({"typ": "JWT"}, claims)

    def verify_access(self, token: str) -> dict[str, Any]:
        """The claims of an access token of ours that has not expired. `Unauthenticated` otherwise."""
        header, claims = self._keys.verify(token)
        wanted = {"iss": self.rules.issuer, "aud": self.rules.audience, "token_use": "access"}
        if header.get("typ") != ACCESS_TYPE or any(claims.get(name) != value for name, value in wanted.items()):
            raise Unauthenticated("This is no access token of this issuer.", code="token_type")
        if not isinstance(claims.get("exp"), int) or claims["exp"] <= self._clock():
            raise Unauthenticated("The token has expired.", code="token_expired")
        return claims

    def hinted(self, id_token: str) -> dict[str, Any] | None:
        """The claims of an ID token given as a hint, which may have expired (OIDC RP-Initiated Logout section 2)."""
        try:
            _, claims = self._keys.verify(id_token)
        except Unauthenticated:
            return None
        ours = claims.get("iss") == self.rules.issuer and claims.get("token_use") == "id"
        return claims if ours else None

    def _common(self, account: Account, grant: Grant) -> dict[str, Any]:
        now = int(self._clock())
        claims: dict[str, Any] = {
            "iss": self.rules.issuer,
            "sub": account.subject,
            "auth_time": int(grant.auth_time),
            "iat": now,
            "exp": now + int(self.rules.ttl),
            "jti": str(uuid.uuid4()),
        }
        if account.roles:
            claims["cognito:groups"] = sorted(account.roles)
        return claims


def at_hash(access_token: str) -> str:
    """The left half of the SHA-256 of the access token, base64url (OIDC Core section 3.1.3.6)."""
    return _base64url(hashlib.sha256(access_token.encode()).digest()[:16])


def new_token() -> str:
    """A code or refresh token: 256 random bits."""
    return secrets.token_urlsafe(32)


def stored_hash(client_id: str, token: str) -> str:
    """How a code or refresh token is known to the store: SHA-256 in hex, over the client too.

    INVARIANT: a code or refresh token in the hands of another client is unknown, and is not used up by the attempt.
    """
    return hashlib.sha256(f"{client_id}\0{token}".encode()).hexdigest()


def challenge_fits(verifier: str, challenge: str) -> bool:
    """PKCE S256 (RFC 7636 section 4.6)."""
    return hmac.compare_digest(_base64url(hashlib.sha256(verifier.encode()).digest()), challenge)


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
