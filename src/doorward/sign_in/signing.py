"""Signing keys as the sign-in uses them. `compose` builds it from key files; it refuses algorithms other than RS256."""

import re
from collections.abc import Sequence
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from doorward.errors import ConfigurationError, Unauthenticated

_ALGORITHM = "RS256"
# Compact serialisation without padding (RFC 7515 section 7.1); the library alone would also take padded segments.
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class SigningKeys:
    """RSA key pairs, newest first. The first signs; all verify and are published, so that keys can be rotated."""

    def __init__(self, keys: Sequence[RSAKey]) -> None:
        if not keys:
            raise ConfigurationError("The embedded sign-in needs at least one signing key.")
        for key in keys:
            key.ensure_kid()
        self._newest = keys[0]
        self._set = KeySet(list(keys))

    def sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """A compact JWT. `alg` and `kid` are set here; `header` adds the rest (``typ``)."""
        fixed = {"alg": _ALGORITHM, "kid": self._newest.kid}
        return jwt.encode({**header, **fixed}, claims, self._newest, algorithms=[_ALGORITHM])

    def verify(self, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and claims of a token of ours. `Unauthenticated` (``token_malformed``) when it is not; times and
        claims are the caller's to check."""
        if not _COMPACT.fullmatch(token):
            raise _not_ours()
        try:
            decoded = jwt.decode(token, self._set, algorithms=[_ALGORITHM])
        except (JoseError, ValueError):
            raise _not_ours() from None
        return decoded.header, decoded.claims

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JWK set (RFC 7517)."""
        public = [{**key.as_dict(private=False), "use": "sig", "alg": _ALGORITHM} for key in self._set.keys]
        return {"keys": public}


def _not_ours() -> Unauthenticated:
    return Unauthenticated("The token is not one of this issuer.", code="token_malformed")
